"""Show an aligned collection on one page, audit.html: counts, contact sheets, plots."""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.options.thumbnails import (
    add_thumbnails_option,
    tell_of_faces,
)
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.stated_paths import stated_command


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface audit",
        description=__doc__,
        epilog="The page shows faces and names of people: keep it where the crops are.",
    )
    parser.add_argument("aligned", type=Path, help="folder that `align` wrote")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the random samples (default: 0)"
    )
    add_thumbnails_option(parser, "faces")
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    args = build_parser().parse_args(argv)
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.data.audit import write_audit

    with progress_bar("auditing", "crops") as progress:
        page = write_audit(
            args.aligned,
            seed=args.seed,
            thumbnails=args.thumbnails,
            command=stated_command("audit", argv),
            progress=progress,
        )
    print_result({"audit": str(page)}, args.json, ensure_ascii=False)
    if args.thumbnails:
        tell_of_faces(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
