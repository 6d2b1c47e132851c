"""Render photos of made-up people, with ground-truth landmarks; no download."""

import argparse
import json
import sys
from pathlib import Path


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface synthesize",
        description=__doc__,
        epilog="Writes OUT/person_00012/person_00012_0001.jpg and OUT/landmarks.csv. "
        "Exit status: 0 done, 2 bad input.",
    )
    parser.add_argument("--out", type=Path, required=True, help="new or empty folder")
    parser.add_argument("--identities", type=int, required=True, help="people")
    parser.add_argument("--images", type=int, required=True, help="photos per person")
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed, the same files (default: 0)"
    )
    parser.add_argument(
        "--first-identity",
        type=int,
        default=0,
        help="index of the first person: other ranges, other people (default: 0)",
    )
    parser.add_argument(
        "--max-yaw",
        type=float,
        default=30.0,
        metavar="DEG",
        help="largest turn of the head, degrees, 0 to 30 (default: 30)",
    )
    parser.add_argument(
        "--processes", type=int, help="worker processes (default: one per processor)"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        summary = _synthesize(args)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = {
        "out": str(summary.out),
        "identities": summary.identities,
        "photos": summary.photos,
        "first_identity": summary.first_identity,
        "seed": summary.seed,
    }
    print(json.dumps(report, indent=2, ensure_ascii=False))
    return 0


def _synthesize(args):
    from rich.console import Console
    from rich.progress import Progress

    from tf_sphereface.data.synthetic_faces import write_synthetic_faces
    from tf_sphereface.errors import InputError

    if args.out.is_dir() and any(args.out.iterdir()):
        raise InputError(f"`--out` must be a new or empty folder. Received: {args.out}")
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("photos", total=max(args.identities * args.images, 0))
        return write_synthetic_faces(
            args.out,
            args.identities,
            args.images,
            args.seed,
            args.first_identity,
            args.processes,
            progress=lambda count: bar.advance(task, count),
            max_yaw=args.max_yaw,
        )


if __name__ == "__main__":
    sys.exit(main())
