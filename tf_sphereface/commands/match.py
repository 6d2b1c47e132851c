"""Compare the faces of two photos with a bundle: score, threshold and verdict."""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.options.threshold import add_far_option, tell_unmeasured
from tf_sphereface.commands.options.trust import add_trust_option
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import add_json_option, print_result


def build_parser():
    parser = argparse.ArgumentParser(prog="sphereface match", description=__doc__)
    parser.add_argument(
        "bundle", type=Path, help="bundle folder, of `sphereface export tflite`"
    )
    parser.add_argument("first", type=Path, metavar="A.jpg", help="a photo of a face")
    parser.add_argument("second", type=Path, metavar="B.jpg", help="another photo")
    parser.add_argument("--variant", help="of the network; default: the bundle's own")
    add_far_option(parser)
    parser.add_argument(
        "--choose",
        choices=["all", "centre", "largest"],
        default="all",
        help="of several faces in a photo: all, of which the best pair is told "
        "(default), the nearest to its middle, or the largest",
    )
    add_trust_option(parser)
    add_json_option(parser)
    return parser


@reports_errors
def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.deployment import match_photos  # after parsing: fast --help

    photos = args.first, args.second
    result = match_photos(
        args.bundle, photos, args.variant, args.far, args.choose, args.trust
    )
    if result["threshold"] is None:
        tell_unmeasured("`same` is null")
    _note_several(result["faces"], args.choose)
    print_result(result, args.json)
    return 0


def _note_several(faces, choose):
    counts = [face["faces_found"] for face in faces]
    if max(counts) == 1:
        return
    shown = " and ".join(f"{face['photo']} ({face['faces_found']})" for face in faces)
    told = {
        "all": f"the best of {counts[0] * counts[1]} pairs is told, so that the false "
        "accept rate is up to that many times --far; --choose centre compares one face "
        "of each",
        "centre": "the one nearest the middle is compared",
        "largest": "the largest is compared",
    }
    tell(f"note: several faces in a photo: {shown}; {told[choose]}")


if __name__ == "__main__":
    sys.exit(main())
