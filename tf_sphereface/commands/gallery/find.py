"""Find the photos of a folder that show the person of a photo."""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.options.counts import positive_count
from tf_sphereface.commands.options.gallery import add_choose_option
from tf_sphereface.commands.options.threshold import add_far_option, tell_unmeasured
from tf_sphereface.commands.options.trust import add_trust_option
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.commands.terminal.progress_bar import progress_bar


def build_parser():
    parser = argparse.ArgumentParser(prog="sphereface find", description=__doc__)
    parser.add_argument(
        "bundle", type=Path, help="bundle folder, of `sphereface export tflite`"
    )
    parser.add_argument("photo", type=Path, help="a photo of the person")
    parser.add_argument("folder", type=Path, help="is searched with all folders below")
    parser.add_argument("--variant", help="of the network; default: the bundle's own")
    add_far_option(parser)
    add_choose_option(
        parser,
        ("centre", "largest"),
        "of several faces in the photo: the nearest to its middle (default), or the "
        "largest",
    )
    parser.add_argument(
        "--most",
        type=positive_count,
        default=10,
        help="photos to name (default: %(default)s)",
    )
    add_trust_option(parser)
    add_json_option(parser)
    return parser


@reports_errors
def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.bundle.bundle import load_bundle
    from tf_sphereface.bundle.embedder import Embedder
    from tf_sphereface.bundle.photo_faces import find_person

    embedder = Embedder(load_bundle(args.bundle, args.trust), args.variant)
    with progress_bar("searching", "photos") as report:
        result = find_person(
            embedder, args.photo, args.folder, args.far, args.choose, args.most, report
        )
    if result["threshold"] is None:
        tell_unmeasured("`decision` is null")
    print_result(result, args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
