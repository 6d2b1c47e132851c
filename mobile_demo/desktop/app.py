"""Names on the faces of a camera, a video or a picture, in a window.

Keys enrol and delete people of a gallery, which `sphereface enroll`, `identify`,
`people` and `forget` open, too. With --headless there is no window: the annotated video
and a line of JSON for each frame are written.
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # as a script, the modules beside it are the package
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from tf_sphereface.commands.options.counts import positive_count
from tf_sphereface.commands.options.gallery import add_bundle_options
from tf_sphereface.commands.options.threshold import add_far_option
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import print_result


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_bundle_options(parser)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--camera", default=None, help="number (default: 0)")
    source.add_argument("--video", type=Path, metavar="FILE", help="a video")
    source.add_argument("--image", type=Path, metavar="FILE", help="a picture")
    parser.add_argument(
        "--gallery",
        default="people.gallery",
        help="file or postgresql:// address of enrolled people, made with the first "
        "of them (default: %(default)s)",
    )
    parser.add_argument("--key", type=Path, help="key of an encrypted gallery")
    add_far_option(parser)
    parser.add_argument(
        "--headless", action="store_true", help="no window; write --out"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="with --headless: video (.mp4, .avi, .mkv), of a picture .png or .jpg; "
        "beside it FILE.jsonl",
    )
    parser.add_argument(
        "--every",
        type=positive_count,
        default=3,
        metavar="N",
        help="with --headless: look for faces in every Nth frame, and follow them in "
        "between (default: %(default)s)",
    )
    return parser


@reports_errors
def main(argv=None):
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.headless != (args.out is not None):
        parser.error("--headless and --out go together")
    if args.headless and args.video is None and args.image is None:
        parser.error("--headless needs --video or --image")
    from desktop.recording import record
    from desktop.session import Session
    from desktop.sources import opened
    from desktop.window import Window, require_window
    from tf_sphereface.bundle.bundle import load_bundle
    from tf_sphereface.gallery import read_key

    if not args.headless:
        require_window()
    every = args.every if args.headless else None
    secret, bundle = read_key(args.key), load_bundle(args.bundle, args.trust)
    with (
        opened(args.camera, args.video, args.image) as source,
        Session(args.gallery, bundle, args.variant, secret, args.far, every) as session,
    ):
        if args.headless:
            facts = session.status()[:3]  # not the milliseconds: the same each time
            print_result(record(source, session.watch, args.out, facts), as_json=True)
        else:
            Window(source, session).run()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
