"""Options of the commands that open a gallery."""

import argparse
from pathlib import Path

from tf_sphereface.commands.options.trust import add_trust_option


def add_gallery_options(parser: argparse.ArgumentParser) -> None:
    """Adds GALLERY and --key."""
    parser.add_argument("gallery", type=Path, help="file of the enrolled people")
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
