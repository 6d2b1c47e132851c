"""Options that say whom the user trusts: who signed a bundle, who made a SavedModel."""

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


def add_trust_model_option(parser: argparse.ArgumentParser) -> None:
    """Adds --trust-model."""
    parser.add_argument(
        "--trust-model",
        action="store_true",
        help="load a SavedModel whatever its operators are; such a model is a program "
        "that may read and write your files",
    )
