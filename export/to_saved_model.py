"""Convert a trained model to a SavedModel with its contract, and check it."""

import argparse
import json
import sys
from pathlib import Path


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "model", type=Path, help=".keras file (classifier or backbone) or run folder"
    )
    parser.add_argument("--out", type=Path, required=True, help="SavedModel folder")
    parser.add_argument(
        "--mirror",
        choices=["none", "concat", "mean"],
        default="concat",
        help="what becomes of the mirror image's embedding: left out, appended "
        "(default, as in a bundle) or averaged with the crop's",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="aligned faces for the check; default: rendered faces",
    )
    parser.add_argument(
        "--min-cosine",
        type=float,
        default=0.9999,
        metavar="C",
        help="least cosine of a crop to the Keras model (default: 0.9999)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier SavedModel"
    )
    return parser


def main(argv=None):
    parser = build_parser()
    args = parser.parse_args(argv)
    if not -1 <= args.min_cosine <= 1:
        parser.error("--min-cosine must be -1..1")
    from tf_sphereface.deployment.folders import check_paths
    from tf_sphereface.errors import InputError

    try:
        check_paths(args.model, args.out, args.overwrite)  # before TensorFlow loads
        return export(args)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def export(args):
    """Loads TensorFlow, exports and prints the result; returns the exit status."""
    from tf_sphereface.native_messages import load_tensorflow

    load_tensorflow()
    from tf_sphereface.deployment import DriftError, export_saved_model

    try:
        contract = export_saved_model(
            args.model,
            args.out,
            args.calibration,
            args.min_cosine,
            args.overwrite,
            args.mirror,
        )
    except DriftError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    result = {"saved_model": str(args.out), **contract.model_dump(mode="json")}
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
