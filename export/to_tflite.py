"""Convert a trained model to TFLite variants, check them, and write a phone bundle."""

import argparse
import json
import sys
from pathlib import Path


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help=".keras file: classifier or backbone")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    parser.add_argument(
        "--quantize",
        nargs="+",
        choices=["none", "fp16", "dynamic", "int8"],
        default=["none"],
        help="variants to write; the first is the default (default: none, float32)",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="aligned faces for int8 ranges and the check; default: rendered faces",
    )
    parser.add_argument(
        "--pairs", type=Path, metavar="FILE", help="pair list to measure thresholds on"
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="aligned faces that --pairs names"
    )
    parser.add_argument(
        "--no-mirror",
        dest="mirror",
        action="store_false",
        help="feature without the embedding of the mirror image",
    )
    parser.add_argument(
        "--maximum-drift",
        type=float,
        metavar="D",
        help="allow cosines to the Keras model down to 1 - D, for every variant",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier bundle"
    )
    return parser


def main(argv=None):
    parser = build_parser()
    args = parser.parse_args(argv)
    if (args.pairs is None) != (args.images is None):
        parser.error("--pairs and --images belong together")
    from tf_sphereface.deployment.folders import check_paths
    from tf_sphereface.errors import InputError

    try:
        check_paths(args.model, args.out, args.overwrite)  # before TensorFlow loads
        return export(args, parser)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def export(args, parser):
    """Loads TensorFlow, exports and prints the result; returns the exit status."""
    from tf_sphereface.native_messages import load_tensorflow

    load_tensorflow()
    from tf_sphereface.deployment import DriftError, ExportOptions, export_bundle

    try:
        options = ExportOptions(
            variants=tuple(args.quantize),
            mirror=args.mirror,
            calibration=args.calibration,
            maximum_drift=args.maximum_drift,
            overwrite=args.overwrite,
        )
    except ValueError as error:
        parser.error(str(error))
    try:
        measure = measurement(args.images, args.pairs, args.mirror)
        bundle = export_bundle(args.model, args.out, options, measure)
    except DriftError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(summary(bundle), indent=2))
    return 0


def measurement(images, pairs_file, mirror):
    """A function that measures accuracy and thresholds of a variant, or None."""
    if pairs_file is None:
        return None
    from tf_sphereface.commands.progress_bar import progress_bar
    from tf_sphereface.deployment.measurement import measured_by
    from tf_sphereface.evaluation.pairs import read_lfw_pairs
    from tf_sphereface.evaluation.verification import evaluate_verification

    pairs = read_lfw_pairs(pairs_file)

    notes = set()

    def evaluate(source):
        with progress_bar("evaluating", "faces") as progress:
            report = evaluate_verification(
                source, images, pairs, mirror=mirror, progress=progress
            )
        for note in report.notes:
            if note not in notes:  # the same for every variant
                print(f"note: {note}", file=sys.stderr)
        notes.update(report.notes)
        return report

    return measured_by(evaluate)


def summary(bundle):
    variants = {
        name: variant.model_dump(
            mode="json",
            include={"file", "bytes", "drift", "verification", "thresholds"},
        )
        for name, variant in bundle.contract.variants.items()
    }
    return {"bundle": str(bundle.path), "variants": variants}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
