"""Draw a pair list for the LFW protocol from any folder of aligned faces."""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.new_files import new_files


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sphereface pairs", description=__doc__)
    parser.add_argument("images", type=Path, help="aligned faces, a folder a person")
    parser.add_argument("--out", type=Path, required=True, help="pair list to write")
    parser.add_argument(
        "--folds", type=int, default=10, help="no person is in two (default: 10)"
    )
    parser.add_argument(
        "--pairs-per-fold",
        type=int,
        default=300,
        help="genuine pairs, and as many impostor pairs (default: 300)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    from tf_sphereface.evaluation import make_pairs, write_lfw_pairs

    with new_files({"--out": args.out}) as made:
        pairs = make_pairs(args.images, args.folds, args.pairs_per_fold, args.seed)
        write_lfw_pairs(pairs, made["--out"])
    summary = {"pairs": len(pairs.pairs), "folds": args.folds, "out": str(args.out)}
    print_result(summary, args.json, ensure_ascii=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
