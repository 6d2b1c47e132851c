"""Name the faces of photos by the people of a gallery; strangers are unknown."""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.options.counts import positive_count
from tf_sphereface.commands.options.gallery import (
    PhotosParser,
    add_bundle_options,
    add_camera_options,
    add_choose_option,
    add_gallery_options,
    check_camera_options,
    opened_camera,
)
from tf_sphereface.commands.options.threshold import add_far_option, tell_unmeasured
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.gallery.search import RULES
from tf_sphereface.gallery.thresholds import parse_share

_IDENTIFY = ("far", "false_alarms", "rule", "k", "choose")
_TOLD = ("name", "decision", "nearest", "score")  # of a face, on a terminal


def _share(text):
    try:
        return parse_share(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def build_parser():
    parser = PhotosParser(prog="sphereface identify", description=__doc__)
    add_gallery_options(parser)
    parser.add_argument("photos", type=Path, nargs="*", metavar="PHOTO")
    add_bundle_options(parser)
    add_camera_options(parser, seconds=10)
    rate = parser.add_mutually_exclusive_group()
    add_far_option(rate)
    rate.add_argument(
        "--false-alarms",
        type=_share,
        metavar="SHARE",
        help="in place of it: share of the searches for strangers that may find "
        "somebody in the whole gallery, such as 1/1000",
    )
    parser.add_argument(
        "--rule",
        choices=RULES,
        default="best",
        help="score of a person: that of the best template (default), the mean over "
        "all, or over the k best",
    )
    parser.add_argument(
        "--k",
        type=positive_count,
        default=3,
        help="of top-k (default: %(default)s)",
    )
    parser.add_argument(
        "--approximate",
        action="store_true",
        help="of a gallery in PostgreSQL with an index (`sphereface people --hnsw "
        "build`): search that, which is quicker and may miss the right person",
    )
    add_choose_option(
        parser,
        ("all", "centre", "largest"),
        "of several faces in a photo: all (default), the nearest to its middle, or the "
        "largest",
    )
    add_json_option(parser)
    return parser


@reports_errors
def main(argv=None):
    parser = build_parser()
    args = parser.parse_args(argv)
    check_camera_options(parser, args)
    from tf_sphereface.bundle.bundle import load_bundle
    from tf_sphereface.gallery import open_gallery, read_key

    secret, bundle = read_key(args.key), load_bundle(args.bundle, args.trust)
    options = {key: getattr(args, key) for key in _IDENTIFY}
    with (
        opened_camera(args) as frames,
        open_gallery(args.gallery, bundle, args.variant, secret) as gallery,
    ):
        if args.approximate:
            gallery.store.search_approximately()
        wanted = gallery.threshold(args.far, args.false_alarms)
        if wanted.threshold is None:
            tell_unmeasured("nobody is named")
        if frames is not None:
            from tf_sphereface.gallery.watching import identify_frames

            faces = identify_frames(gallery, frames, args.seconds, **options)
            found = {"camera": frames.name, "faces": faces}
        else:
            photos = [
                {"photo": str(photo), "faces": gallery.identify(photo, **options)}
                for photo in args.photos
            ]
            found = {"photos": photos}
    result = {
        "search": "approximate" if args.approximate else "exact",
        "threshold": wanted.threshold,
        "far": wanted.far,
        "templates": wanted.templates,
        "false_alarms_at_most": wanted.false_alarms,
        **found,
    }
    faces = [
        {**{key: face[key] for key in _TOLD}, "photo": photo["photo"]}
        for photo in found.get("photos", ())
        for face in photo["faces"]
    ]
    brief = {key: value for key, value in result.items() if key != "photos"}
    print_result(result, args.json, {**brief, "face": faces} if faces else None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
