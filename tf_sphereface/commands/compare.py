"""Lay reports of `sphereface evaluate` side by side; writes compare.html and .json.

The reports must be of one protocol and the same lists. Differences are to the first.
"""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.errors import InputError
from tf_sphereface.stated_paths import stated_command
from tf_sphereface.whole_folders import check_folder


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "reports",
        type=Path,
        nargs="*",
        metavar="REPORT",
        help="folder that `evaluate --out` wrote",
    )
    parser.add_argument(
        "--runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="instead of reports: folders of `sphereface train`, each with a report in "
        "it; adds accuracy against margin and depth, from the recipes",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the page, new or old"
    )
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    args = build_parser().parse_args(argv)
    content = _compare(args, stated_command("compare", argv))
    print_result(content["reports"], args.json)
    tell(f"page: {args.out / 'compare.html'}")
    return 0


def _compare(args, command):
    from tf_sphereface.evaluation.stored.comparison import write_comparison
    from tf_sphereface.evaluation.stored.reader import read_report
    from tf_sphereface.evaluation.stored.trained_runs import read_run

    if bool(args.reports) == bool(args.runs):
        raise InputError("give either the folders of reports, or --runs RUN ...")
    check_folder("--out", args.out)
    runs = [read_run(folder) for folder in args.runs or ()]
    reports = [run.report for run in runs] or [
        read_report(each) for each in args.reports
    ]
    return write_comparison(reports, args.out, command, runs)


if __name__ == "__main__":
    sys.exit(main())
