"""Render photos of made-up people, with ground-truth landmarks; no download."""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import add_json_option, print_result

_LEAST = {
    "identities": 1,
    "images": 1,
    "seed": 0,
    "first_identity": 0,
    "processes": 1,
}


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
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    _check_options(args)
    summary = _synthesize(args)
    report = {
        "out": str(args.out),
        "identities": summary.identities,
        "photos": summary.photos,
        "first_identity": summary.first_identity,
        "seed": summary.seed,
    }
    print_result(report, args.json, ensure_ascii=False)
    return 0


def _check_options(args):
    """As `write_synthetic_faces` checks its arguments, but in the options' words."""
    from tf_sphereface.errors import InputError

    for name, least in _LEAST.items():
        value = getattr(args, name)
        if value is not None and value < least:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option} must be at least {least}. Received: {value}")
    if not 0 <= args.max_yaw <= 30:
        raise InputError(
            f"--max-yaw must be between 0 and 30 degrees. Received: {args.max_yaw:g}"
        )


def _synthesize(args):
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.data.synthetic import write_synthetic_faces
    from tf_sphereface.whole_folders import appearing

    total, done = args.identities * args.images, 0
    with appearing(args.out) as folder, progress_bar("rendering", "photos") as report:

        def advance(count):
            nonlocal done
            done += count
            report(done, total)

        summary = write_synthetic_faces(
            folder,
            args.identities,
            args.images,
            args.seed,
            args.first_identity,
            args.processes,
            progress=advance,
            max_yaw=args.max_yaw,
        )
    return summary


if __name__ == "__main__":
    sys.exit(main())
