"""Options that say what crops are: their size, and how faces are fitted into them."""

import argparse

from tf_sphereface.geometry import FITS, TEMPLATES, CropGeometry


def add_crop_options(parser: argparse.ArgumentParser, size_help: str) -> None:
    """Adds --size, --fit and --template, without defaults."""
    parser.add_argument("--size", metavar="HEIGHTxWIDTH", help=size_help)
    parser.add_argument(
        "--fit",
        choices=FITS,
        help="where the least squares of the landmarks are taken: in the crop "
        "(default), or in the photo, as MATLAB's cp2tform does for the 2017 release",
    )
    parser.add_argument(
        "--template",
        choices=TEMPLATES,
        help="landmarks in squares larger than 112: those of 112 scaled (default), or "
        "as in InsightFace's norm_crop of 128, 224, 256, ...",
    )


def chosen_crop(args: argparse.Namespace) -> CropGeometry:
    """The crops that the options say; 112 x 96 if they do not say a size.

    Raises: InputError if there are no such crops.
    """
    from tf_sphereface.data.alignment.settings import parse_size

    size, fit, template = args.size or "112x96", args.fit, args.template
    return parse_size(size, fit or FITS[0], template or TEMPLATES[0])


def says_crop(args: argparse.Namespace) -> bool:
    """True if one of the options was given."""
    return any((args.size, args.fit, args.template))
