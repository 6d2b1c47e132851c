"""Serve a page that enrols and recognises people with a bundle, in a browser.

The page computes all by itself: photos, pictures of the camera and names stay in the
browser. This machine alone can reach it, unless --host says otherwise; a browser gives
its camera to https and to localhost only. From a checkout the page is built by npm.
"""

import argparse
import contextlib
import sys
import threading
import webbrowser
from pathlib import Path

from tf_sphereface.commands.options.trust import add_trust_option
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.errors import InputError


def build_parser():
    parser = argparse.ArgumentParser(
        prog="sphereface demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bundle", type=Path, help="bundle folder, of `sphereface export tflite`"
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="0: any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="name or address to listen at; 0.0.0.0 is reached from everywhere "
        "(default: %(default)s, this machine alone)",
    )
    parser.add_argument(
        "--https",
        type=Path,
        nargs=2,
        metavar=("CERT", "KEY"),
        help="certificate and private key, PEM files; a phone's camera needs them "
        "unless it comes by `adb reverse`",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="do not open the page in a browser"
    )
    add_trust_option(parser)
    add_json_option(parser)
    return parser


@reports_errors
def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.bundle.bundle import load_bundle  # after parsing: fast --help
    from tf_sphereface.demo_server.served_files import served_files
    from tf_sphereface.demo_server.server import DemoServer
    from tf_sphereface.demo_server.site import find_site

    bundle = load_bundle(args.bundle, args.trust)
    if not any(variant.thresholds for variant in bundle.contract.variants.values()):
        raise InputError(
            "no threshold was measured for this bundle, and the page has no other; "
            "measure with: sphereface calibrate BUNDLE --images DIR --pairs FILE"
        )
    site = find_site(lambda text: tell(f"note: {text}"))
    files = served_files(site, bundle)
    with (
        DemoServer(files, args.host, args.port, args.https) as server,
        _until_interrupted(),
    ):
        print_result({"url": server.url, "bundle": str(args.bundle)}, args.json)
        sys.stdout.flush()
        tell("note: serving until Ctrl-C")
        if not args.no_browser:
            # Some browsers return when they are closed.
            threading.Thread(
                target=webbrowser.open, args=[server.url], daemon=True
            ).start()
        server.serve_forever()
    return 0


@contextlib.contextmanager
def _until_interrupted():
    try:
        yield
    except KeyboardInterrupt:
        tell("stopped")


if __name__ == "__main__":
    sys.exit(main())
