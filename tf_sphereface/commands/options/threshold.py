"""The option that chooses a bundle's threshold, and the note if it has none."""

import argparse

from tf_sphereface.commands.terminal.messages import tell


def add_far_option(parser: argparse._ActionsContainer) -> None:
    """Adds --far to a parser or a group of options."""
    parser.add_argument(
        "--far",
        type=float,
        default=0.01,
        help="false accept rate of one comparison, whose threshold decides (default: "
        "%(default)s)",
    )


def tell_unmeasured(consequence: str) -> None:
    """Tells what follows from a bundle without thresholds, and the cure."""
    tell(
        f"no threshold was measured for this bundle, so {consequence}; measure one "
        "with: sphereface calibrate BUNDLE --images DIR --pairs FILE"
    )
