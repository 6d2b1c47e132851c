"""Score a model under the LFW verification protocol; writes report.json and .html."""

import argparse
import json
import shlex
import sys
from pathlib import Path

from tf_sphereface.errors import InputError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sphereface evaluate", description=__doc__)
    parser.add_argument(
        "model",
        type=Path,
        help=".keras or .tflite file, SavedModel folder or bundle folder",
    )
    parser.add_argument(
        "--protocol", choices=["lfw"], default="lfw", help="how pairs are judged"
    )
    parser.add_argument(
        "--images", type=Path, required=True, help="folder of aligned faces"
    )
    parser.add_argument(
        "--pairs", type=Path, required=True, help="pair list in LFW format"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the report, new or old"
    )
    parser.add_argument(
        "--no-mirror",
        action="store_true",
        help="embed the face alone, without its mirror image",
    )
    parser.add_argument("--variant", help="model of a bundle (default: the bundle's)")
    parser.add_argument(
        "--thumbnails",
        action="store_true",
        help="show the faces of the worst errors on the page, not their names alone",
    )
    parser.add_argument(
        "--minimum-accuracy",
        type=float,
        metavar="X",
        help="exit with 1 if the accuracy, a fraction 0..1, is lower",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    args = build_parser().parse_args(argv)
    try:
        report = _evaluate(args, shlex.join(["sphereface", "evaluate", *argv]))
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    print(json.dumps(report.summary(), indent=2, allow_nan=False))
    print(f"report: {args.out / 'report.html'}", file=sys.stderr)
    if args.minimum_accuracy is not None and report.accuracy < args.minimum_accuracy:
        print(
            f"the accuracy {report.accuracy:.4f} is below the gate "
            f"{args.minimum_accuracy:g}",
            file=sys.stderr,
        )
        return 1
    return 0


def _evaluate(args, command):
    from tf_sphereface import evaluation
    from tf_sphereface.commands.progress_bar import progress_bar

    minimum = args.minimum_accuracy
    if minimum is not None and not 0 <= minimum <= 1:
        raise InputError(
            f"--minimum-accuracy must be a fraction 0..1. Received: {minimum:g}"
        )
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"--out must be a folder. Received: {args.out}")
    pairs = evaluation.read_lfw_pairs(args.pairs)
    source = evaluation.load_embedding_source(args.model, args.variant)
    with progress_bar("embedding", "photos") as progress:
        report = evaluation.evaluate_verification(
            source, args.images, pairs, mirror=not args.no_mirror, progress=progress
        )
    model_info = evaluation.describe_model(args.model, args.variant)
    evaluation.write_report(
        report,
        args.out,
        command,
        model_info,
        inputs={"pairs": args.pairs},
        images_dir=args.images if args.thumbnails else None,
    )
    return report


if __name__ == "__main__":
    sys.exit(main())
