"""The option of commands that open bundles: the key that must have signed them."""

import argparse
from pathlib import Path


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    """Adds --trust."""
    parser.add_argument(
        "--trust",
        type=Path,
        metavar="PUBLIC_KEY",
        help="refuse the bundle unless it was signed with this key "
        "(`sphereface bundle sign`)",
    )
