"""Options of the commands that open a gallery."""

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from tf_sphereface.commands.options.trust import add_trust_option

if TYPE_CHECKING:
    from tf_sphereface.data.photos.frames import FrameSource


class PhotosParser(argparse.ArgumentParser):
    """A parser whose last argument, of any number, may stand behind options."""

    def parse_args(self, args=None, namespace=None):
        return self.parse_intermixed_args(args, namespace)


def add_gallery_options(parser: argparse.ArgumentParser) -> None:
    """Adds GALLERY and --key."""
    parser.add_argument(
        "gallery",
        help="file of the enrolled people, or address of a PostgreSQL database: "
        "postgresql://USER@HOST/DATABASE",
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="key of an encrypted gallery; default: the variable "
        "SPHEREFACE_GALLERY_KEY",
    )


def add_bundle_options(parser: argparse.ArgumentParser) -> None:
    """Adds --bundle, --variant and --trust."""
    parser.add_argument(
        "--bundle",
        type=Path,
        required=True,
        help="bundle folder, of `sphereface export tflite`",
    )
    parser.add_argument(
        "--variant", help="of the network; default: the gallery's, then the bundle's"
    )
    add_trust_option(parser)


def add_choose_option(
    parser: argparse.ArgumentParser, choices: tuple[str, ...], help_text: str
) -> None:
    """Adds --choose; the first choice is the default."""
    parser.add_argument("--choose", choices=choices, default=choices[0], help=help_text)


def add_camera_options(parser: argparse.ArgumentParser, seconds: float) -> None:
    """Adds --camera and --seconds, in place of photos.

    Args:
        parser: Has the argument `photos`, of any number.
        seconds: The default of --seconds.
    """
    parser.add_argument(
        "--camera",
        metavar="CAMERA",
        help="in place of photos: number of a camera, such as 0, or a video file",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=seconds,
        help="of the camera or the video to watch at most (default: %(default)s)",
    )


def check_camera_options(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Ends the command unless there are photos or a camera, and not both."""
    if bool(args.photos) == (args.camera is not None):
        parser.error("give photos, or --camera")
    if not 0 < args.seconds <= 86_400:
        parser.error("--seconds must be above 0 and at most 86400")


def opened_camera(
    args: argparse.Namespace,
) -> "contextlib.AbstractContextManager[FrameSource | None]":
    """The camera of --camera, to be closed by `with`; None if there are photos.

    Raises: InputError as `open_frames`.
    """
    if args.camera is None:
        return contextlib.nullcontext()
    from tf_sphereface.data.photos.frames import open_frames

    return open_frames(args.camera)
