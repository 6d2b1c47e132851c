"""Options that say what pixels a model from elsewhere takes."""

import argparse

from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import NAMED_PIXELS, Values


def add_pixel_options(parser: argparse.ArgumentParser) -> None:
    """Adds them; without one the model's own pixel contract counts."""
    group = parser.add_argument_group(
        "pixels",
        "what a model from elsewhere takes; ours and bundles say it themselves",
    )
    group.add_argument(
        "--pixels",
        choices=NAMED_PIXELS,
        help="raw: 0..255, for models that rescale inside; unit: 0..1; imagenet: "
        "PyTorch's means and deviations",
    )
    group.add_argument(
        "--mean",
        type=_values,
        metavar="M[,M,M]",
        help="subtracted from 0..255: a number, or one of each channel in its order",
    )
    group.add_argument(
        "--scale", type=_values, metavar="S[,S,S]", help="divides the difference"
    )
    group.add_argument(
        "--channel-order", choices=["RGB", "BGR"], help="of the network's input"
    )


PIXEL_OPTIONS = frozenset({"pixels", "mean", "scale", "channel_order"})


def given_pixels(args: argparse.Namespace) -> dict[str, str | Values]:
    """The fields of a pixel contract that the options say.

    Raises: InputError if they contradict each other.
    """
    if (args.mean is None) != (args.scale is None):
        raise InputError("--mean and --scale belong together")
    if args.pixels is not None and args.mean is not None:
        raise InputError("--pixels says mean and scale: give one of them")
    given = dict(NAMED_PIXELS.get(args.pixels, {}))
    if args.mean is not None:
        given = {"mean": args.mean, "scale": args.scale}
    if args.channel_order is not None:
        given["channel_order"] = args.channel_order
    return given


def _values(text):
    try:
        values = tuple(map(float, text.split(",")))
    except ValueError:
        values = ()
    if len(values) not in (1, 3):
        raise argparse.ArgumentTypeError(f"1 or 3 numbers are needed. Received: {text}")
    return values if len(values) == 3 else values[0]
