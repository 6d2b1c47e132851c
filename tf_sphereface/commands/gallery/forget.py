"""Delete people from a gallery for good: rows, log and free pages of the file."""

import argparse
import contextlib
import sys

from tf_sphereface.commands.options.gallery import add_gallery_options
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import add_json_option, print_result


def build_parser():
    parser = argparse.ArgumentParser(prog="sphereface forget", description=__doc__)
    add_gallery_options(parser)
    parser.add_argument(
        "names", nargs="+", metavar="NAME", help="all are deleted, or none"
    )
    add_json_option(parser)
    return parser


@reports_errors
def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.gallery import open_store, read_key

    with contextlib.closing(open_store(args.gallery, read_key(args.key))) as store:
        deleted = store.forget(*args.names)
    result = {"people_deleted": len(args.names), "templates_deleted": deleted}
    print_result(result, args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
