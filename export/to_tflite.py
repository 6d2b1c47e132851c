"""Convert a trained model to TFLite variants, measure them, and write a phone bundle.

Exit status 1: the bundle is there, and a variant in it did not pass the gate.
"""

import argparse
import json
import sys
from pathlib import Path

from tf_sphereface.commands.errors import reports_errors

VARIANTS = ("none", "fp16", "dynamic", "int8", "int8-io", "weight-only", "int4")
DETECTOR_VARIANTS = ("none", "fp16", "dynamic", "int8", "weight-only")


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "model", type=Path, help=".keras file (classifier or backbone), or a run folder"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier bundle"
    )
    parser.add_argument(
        "--licence", metavar="TEXT", help="terms of the model, for the model card"
    )
    add_variant_options(parser.add_argument_group("variants"))
    add_graph_options(parser.add_argument_group("graph"))
    add_measurement_options(parser.add_argument_group("measurement and gate"))
    add_detector_options(parser.add_argument_group("detector"))
    return parser


def add_variant_options(group):
    group.add_argument(
        "--quantize",
        nargs="+",
        choices=[*VARIANTS, "all"],
        default=["none"],
        help="variants to write; the first is the default (default: none, float32)",
    )
    group.add_argument(
        "--quantizer",
        choices=["auto", "ai-edge-quantizer", "tf.lite"],
        default="auto",
        help="what makes them (default: the better one for each)",
    )
    group.add_argument(
        "--keep-float",
        nargs="+",
        metavar="LAYER",
        default=[],
        help="layers that are not quantised",
    )
    group.add_argument(
        "--add-variant",
        nargs="+",
        metavar="NAME=FILE",
        default=[],
        help="TFLite files made elsewhere, such as by quantization-train",
    )


def add_graph_options(group):
    group.add_argument(
        "--mirror",
        choices=["none", "concat", "mean"],
        default="concat",
        help="how the mirror image enters the feature (default: concat)",
    )
    group.add_argument(
        "--inside",
        nargs="+",
        choices=["pixels", "mirror", "l2"],
        default=[],
        help="what the files do themselves: take uint8 pixels, embed the mirror image "
        "too, give length 1",
    )
    group.add_argument(
        "--batch",
        type=int,
        default=1,
        metavar="N",
        help="faces of a call; 0 is any number (default: 1)",
    )


def add_measurement_options(group):
    group.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="aligned faces, a folder a person, for int8 ranges and the comparison; "
        "default: rendered faces",
    )
    group.add_argument(
        "--representative",
        type=int,
        default=500,
        metavar="N",
        help="crops that int8 ranges are taken from (default: 500)",
    )
    group.add_argument(
        "--pairs", type=Path, metavar="FILE", help="pair list to measure thresholds on"
    )
    group.add_argument(
        "--images", type=Path, metavar="DIR", help="aligned faces that --pairs names"
    )
    group.add_argument(
        "--max-accuracy-drop",
        type=float,
        default=0.5,
        metavar="POINTS",
        help="what a variant may lose on the pairs, percentage points (default: 0.5)",
    )
    group.add_argument(
        "--min-cosine",
        type=float,
        default=0.99,
        metavar="C",
        help="least mean cosine to the Keras model (default: 0.99)",
    )
    group.add_argument(
        "--min-rank-agreement",
        type=float,
        metavar="R",
        help="least share of probes with the Keras model's nearest face, 0..1",
    )


def add_detector_options(group):
    group.add_argument(
        "--detector",
        nargs="+",
        choices=DETECTOR_VARIANTS,
        default=["none"],
        help="variants of the face detector; the first is the default (default: none)",
    )
    group.add_argument(
        "--photos",
        type=Path,
        metavar="DIR",
        help="photos to compare detectors on; default: rendered photos",
    )


@reports_errors
def main(argv=None):
    parser = build_parser()
    args = parser.parse_args(argv)
    if (args.pairs is None) != (args.images is None):
        parser.error("--pairs and --images belong together")
    args.add_variant = ready_files(parser, args.add_variant)
    from tf_sphereface.deployment.folders import check_paths

    check_paths(args.model, args.out, args.overwrite)  # before TensorFlow loads
    return export(args, parser)


def ready_files(parser, texts):
    """The files of --add-variant, by name."""
    files = {}
    for text in texts:
        name, _, file = text.partition("=")
        if not (name.replace("-", "").replace("_", "").isalnum() and file):
            parser.error(f"--add-variant takes NAME=FILE. Received: {text}")
        files[name] = Path(file)
    return files


def export(args, parser):
    """Loads TensorFlow, exports and prints the result; returns the exit status."""
    from tf_sphereface.native_messages import load_tensorflow

    load_tensorflow()
    from tf_sphereface.commands.progress_bar import progress_bar
    from tf_sphereface.deployment import DriftError, export_bundle

    try:
        options = export_options(args)
    except ValueError as error:
        parser.error(str(error))
    measure = measurement(args.images, args.pairs, progress_bar)
    try:
        bundle = export_bundle(args.model, args.out, options, measure, progress_bar)
    except DriftError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(summary(bundle), indent=2))
    return report_gates(bundle)


def export_options(args):
    from tf_sphereface.deployment import ExportOptions, GateLimits

    return ExportOptions(
        variants=("all",) if "all" in args.quantize else tuple(args.quantize),
        quantizer=args.quantizer,
        keep_float=tuple(args.keep_float),
        mirror=args.mirror,
        inside=tuple(args.inside),
        batch=args.batch or None,
        calibration=args.calibration,
        representative=args.representative,
        limits=GateLimits(
            args.min_cosine, args.max_accuracy_drop, args.min_rank_agreement
        ),
        detector_variants=tuple(args.detector),
        detector_photos=args.photos,
        ready=args.add_variant,
        licence=args.licence,
        overwrite=args.overwrite,
    )


def measurement(images, pairs_file, progress_bar):
    """Measures accuracy and thresholds of a variant; None without pairs."""
    if pairs_file is None:
        return None
    from tf_sphereface.deployment import Measure
    from tf_sphereface.evaluation.pair_evaluator import PairEvaluator
    from tf_sphereface.evaluation.pairs import read_lfw_pairs

    pairs = read_lfw_pairs(pairs_file)
    evaluator = PairEvaluator(images, pairs, progress_bar=progress_bar)
    return Measure(evaluator.plain, evaluator.mixed, pairs_file.name)


def summary(bundle):
    contract = bundle.contract
    shown = {"file", "bytes", "drift", "rank", "verification", "thresholds", "gate"}
    return {
        "bundle": str(bundle.path),
        "variants": {
            name: variant.model_dump(mode="json", include=shown)
            for name, variant in contract.variants.items()
        },
        "detector": {
            name: variant.model_dump(mode="json", include={"drift", "gate"})
            for name, variant in contract.detector.variants.items()
        },
    }


def report_gates(bundle):
    """Says what did not pass; returns the exit status."""
    from tf_sphereface.deployment.variant_figures import failed_gates

    failed = failed_gates(bundle.contract)
    for name, failures in failed.items():
        for failure in failures:
            print(f"gate: {name}: {failure}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
