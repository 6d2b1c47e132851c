"""Enrol people in a gallery: a file of names and templates, from photos.

A photo is taken if its face is good enough to be compared with others; otherwise the
reason is told. Names and templates are biometric data: the file is for its owner alone,
and `sphereface forget` deletes people for good.
"""

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
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.commands.terminal.progress_bar import progress_bar
from tf_sphereface.errors import InputError


def build_parser():
    parser = PhotosParser(
        prog="sphereface enroll",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_gallery_options(parser)
    parser.add_argument(
        "photos",
        type=Path,
        nargs="*",
        metavar="PHOTO",
        help="photos of one person, or folders of such, with --name; without it one "
        "folder that has a folder for each person",
    )
    add_bundle_options(parser)
    parser.add_argument("--name", help="of the person")
    add_camera_options(parser, seconds=30)
    parser.add_argument(
        "--templates",
        type=positive_count,
        default=3,
        help="with --camera: pictures to take (default: %(default)s)",
    )
    add_choose_option(
        parser,
        ("centre", "largest"),
        "of several faces in a photo: the nearest to its middle (default), or the "
        "largest",
    )
    parser.add_argument(
        "--force", action="store_true", help="take faces in spite of their quality"
    )
    parser.add_argument(
        "--keep-crops",
        action="store_true",
        help="of a new gallery: keep aligned faces, so that `sphereface people "
        "--re-embed` can embed them with another bundle",
    )
    add_json_option(parser)
    return parser


@reports_errors
def main(argv=None):
    parser = build_parser()
    args = parser.parse_args(argv)
    check_camera_options(parser, args)
    if args.camera is not None and args.name is None:
        parser.error("--camera needs --name")
    from tf_sphereface.bundle.bundle import load_bundle
    from tf_sphereface.gallery import open_gallery, read_key

    secret, bundle = read_key(args.key), load_bundle(args.bundle, args.trust)
    photos = _photos(args) if args.photos else []
    with (
        opened_camera(args) as frames,
        open_gallery(
            args.gallery, bundle, args.variant, secret, True, args.keep_crops
        ) as gallery,
    ):
        if args.keep_crops and not gallery.store.keeps_crops:
            tell("note: the gallery was made without --keep-crops, and keeps none")
        if frames is not None:
            result = _enroll_from_camera(gallery, frames, args)
        else:
            result = _enroll(gallery, photos, args)
    print_result(result, args.json)
    return 0 if result["enrolled"] or result.get("enrolled_already") else 1


def _photos(args):
    """(name, photo) of each."""
    from tf_sphereface.data.photos.folders import list_photos, photos_below
    from tf_sphereface.data.photos.names import identity_of

    if args.name is not None:
        return [
            (args.name, path / photo)
            for path in args.photos
            for photo in (photos_below(path) if path.is_dir() else [""])
        ]
    if len(args.photos) > 1 or not args.photos[0].is_dir():
        raise InputError("--name must say who is on the photos")
    found = list_photos(args.photos[0])
    for note in found.passed_over.notes():
        tell(f"note: {note}")
    places = found.places.items()
    return [(identity_of(name), args.photos[0] / place) for name, place in places]


def _enroll(gallery, photos, args):
    from tf_sphereface.gallery.gallery import ALREADY
    from tf_sphereface.gallery.records import GalleryError

    enrolled, already, refused = 0, 0, []
    with progress_bar("enrolling", "photos") as report:
        for done, (name, photo) in enumerate(photos, start=1):
            try:
                reasons = gallery.enroll(name, photo, args.choose, args.force)
                taken = not reasons or args.force
            except InputError as error:
                if len(photos) == 1 or isinstance(error, GalleryError):
                    raise
                reasons, taken = [str(error).removesuffix(f": {photo}")], False
            report(done, len(photos))
            if reasons == [ALREADY]:
                already += 1
                continue
            enrolled += taken
            if reasons:
                verb = "taken all the same" if taken else "not taken"
                tell(f"note: {verb}: {photo}: {'; '.join(reasons)}")
                refused += [] if taken else [{"photo": str(photo), "reasons": reasons}]
    people = len({name for name, _ in photos})
    result = {"people": people, "enrolled": enrolled, "not_taken": refused}
    return result | ({"enrolled_already": already} if already else {})


def _enroll_from_camera(gallery, frames, args):
    from tf_sphereface.gallery.watching import enroll_from_frames

    taken = enroll_from_frames(
        gallery,
        args.name,
        frames,
        args.templates,
        args.seconds,
        args.choose,
        args.force,
        frames.name,
        lambda reasons: tell(f"note: not taken: {reasons}"),
    )
    return {"people": 1, "enrolled": taken}


if __name__ == "__main__":
    sys.exit(main())
