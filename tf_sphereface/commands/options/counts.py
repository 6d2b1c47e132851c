"""The type of options that count things."""

import argparse


def positive_count(text: str) -> int:
    """A whole number, 1 or more, of an option's text.

    Raises: argparse.ArgumentTypeError if it is none; the command ends with 2.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(
            f"a whole number, at least 1, is needed. Received: {text}"
        )
    return number
