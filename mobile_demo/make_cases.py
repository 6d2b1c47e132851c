"""Make the contract cases that every demo is tested with.

Those of mobile_demo/contract depend on no weights (--weightless). Those of a bundle's
networks are made of rendered people; the same bundle gives the same cases.
"""

import argparse
import sys
from pathlib import Path

_WEIGHTLESS = Path(__file__).parent / "contract"


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--bundle", type=Path, help="folder of a bundle")
    kind.add_argument(
        "--weightless", action="store_true", help="cases without a network"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help=f"folder to write to (with --weightless: {_WEIGHTLESS})",
    )
    parser.add_argument(
        "--people",
        type=int,
        default=4,
        help="rendered people, the last a stranger (default: %(default)s)",
    )
    return parser


def main(argv=None):
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.people < 2:
        parser.error("--people must be at least 2")
    if args.bundle and args.out is None:
        parser.error("--out must say where to write")
    from case_makers.case_folder import write_files
    from case_makers.of_bundles import bundle_cases
    from case_makers.weightless import weightless_cases
    from tf_sphereface.errors import InputError

    try:
        made = (
            weightless_cases()
            if args.weightless
            else bundle_cases(args.bundle, args.people)
        )
        write_files(made, args.out or _WEIGHTLESS)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    size = sum(map(len, made.values()))
    print(f"{len(made)} files, {size / 1000:.0f} kB: {args.out or _WEIGHTLESS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
