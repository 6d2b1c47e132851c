"""A bundle for phones: TFLite variants of a model, face detector, contract, model card.

Exit status 1: the bundle is there, and a variant in it did not pass the gate.
"""

from tf_sphereface.commands.export.options import (
    add_graph_options,
    add_measurement_options,
    add_model_and_output,
    add_variant_options,
    export_options,
    ready_files,
)
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import print_notes, print_result
from tf_sphereface.errors import InputError

NEXT_STEPS = (
    "next: another variant (fp16 loses least), --keep-float with the layers that "
    "quantization.worst_layers in contract.json names, more crops for --calibration, "
    "or training for 8 bits (docs/quantization_training.md)"
)


def add_arguments(parser):
    add_model_and_output(parser, "folder of the bundle", ", or float .tflite file")
    parser.add_argument(
        "--size",
        metavar="HEIGHTxWIDTH",
        help="of the crops, for a .tflite file whose sides are free",
    )
    parser.add_argument(
        "--licence", metavar="TEXT", help="terms of the model, for the model card"
    )
    add_variant_options(parser.add_argument_group("variants"))
    add_graph_options(parser.add_argument_group("graph"))
    add_measurement_options(parser.add_argument_group("measurement and gate"))


def run(args):
    """Exports and prints the result; returns the exit status."""
    if (args.pairs is None) != (args.images is None):
        args.parser.error("--pairs and --images belong together")
    args.add_variant = ready_files(args.parser, args.add_variant)
    from tf_sphereface.deployment.folders import check_paths

    # Before TensorFlow loads.
    check_paths(args.model, args.out, args.overwrite, tflite=True)
    from tf_sphereface.native_messages import load_tensorflow

    load_tensorflow()
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.deployment import export_bundle

    try:
        options = export_options(args)
    except ValueError as error:
        args.parser.error(str(error))
    _warn_of_known_people(args.model, args.pairs)
    measure = measurement(args.images, args.pairs, progress_bar)
    bundle = export_bundle(args.model, args.out, options, measure, progress_bar)
    print_result(summary(bundle), args.json)
    return report_gates(bundle)


def _warn_of_known_people(model, pairs_file):
    if pairs_file is None:
        return
    from tf_sphereface.evaluation.pairs.pair_list import read_lfw_pairs
    from tf_sphereface.evaluation.pairs.people import note_on_training, people_of_pairs
    from tf_sphereface.model_files import trained_people

    people = people_of_pairs(read_lfw_pairs(pairs_file))
    print_notes(note_on_training(people, trained_people(model)))


def measurement(images, pairs_file, progress_bar):
    """Measures accuracy and thresholds of a variant; None without pairs."""
    if pairs_file is None:
        return None
    from tf_sphereface.deployment import Measure
    from tf_sphereface.evaluation.identification.gallery_evaluator import (
        GalleryEvaluator,
    )
    from tf_sphereface.evaluation.pairs.pair_list import read_lfw_pairs
    from tf_sphereface.evaluation.verification.pair_evaluator import PairEvaluator

    pairs = read_lfw_pairs(pairs_file)
    evaluator = PairEvaluator(images, pairs, progress_bar=progress_bar)
    try:
        identify = GalleryEvaluator(evaluator).identify
    except InputError as error:
        print_notes([f"{error}: no search over {images} is measured"])
        identify = None
    return Measure(
        evaluator.plain, evaluator.cross_variant, pairs_file.name, images, identify
    )


def summary(bundle):
    contract = bundle.contract
    shown = {"file", "bytes", "drift", "rank", "verification", "thresholds"}
    shown |= {"quantization", "gate"}
    return {
        "bundle": str(bundle.path),
        "variants": {
            name: variant.model_dump(mode="json", include=shown)
            for name, variant in contract.variants.items()
        },
    }


def report_gates(bundle):
    """Says what did not pass; returns the exit status."""
    from tf_sphereface.deployment.writing.tables import failed_gates

    failed = failed_gates(bundle.contract)
    for name, failures in failed.items():
        for failure in failures:
            tell(f"gate: {name}: {failure}")
    if failed:
        tell(NEXT_STEPS)
    return 1 if failed else 0
