"""Write a page on a training: RUN/training.html, with curves and early warnings.

With --records the page also shows a batch as the network sees it, and the identities
that it finds hardest.
"""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import add_json_option, print_result


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="run folder of `sphereface train`")
    parser.add_argument(
        "--records", type=Path, help="records of the run; the page then shows photos"
    )
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    from tf_sphereface.native_messages import load_tensorflow

    load_tensorflow()
    from tf_sphereface.training.report import write_run_report

    page = write_run_report(args.run, args.records)
    print_result({"report": str(page)}, args.json, ensure_ascii=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
