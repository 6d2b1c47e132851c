"""Options of `sphereface export`, by topic."""

import argparse
from pathlib import Path

from tf_sphereface.bundle.variants import VARIANTS
from tf_sphereface.commands.options.pixels import add_pixel_options, given_pixels
from tf_sphereface.commands.terminal.output import add_json_option


def add_model_and_output(parser, out, others=""):
    parser.add_argument(
        "model",
        type=Path,
        help=f".keras file (classifier or backbone), run folder{others}",
    )
    parser.add_argument("--out", type=Path, required=True, help=out)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier export"
    )
    add_pixel_options(parser)
    add_json_option(parser)


def add_variant_options(group):
    group.add_argument(
        "--quantize",
        nargs="+",
        choices=[*VARIANTS, "all"],
        default=["none"],
        help="variants to write; the first is the default (default: none, float32)",
    )
    group.add_argument(
        "--keep-float",
        nargs="+",
        metavar="LAYER",
        default=[],
        help="layers that are not quantised",
    )
    group.add_argument(
        "--add-variant",
        nargs="+",
        metavar="NAME=FILE",
        default=[],
        help="TFLite files made elsewhere, such as by quantization-train",
    )


def add_graph_options(group):
    group.add_argument(
        "--mirror",
        choices=["none", "concat", "mean"],
        default="concat",
        help="how the mirror image enters the feature (default: concat)",
    )
    group.add_argument(
        "--inside",
        nargs="+",
        choices=["pixels", "mirror", "l2"],
        default=[],
        help="what the files do themselves: take uint8 pixels, embed the mirror image "
        "too, give length 1",
    )
    group.add_argument(
        "--batch",
        type=int,
        default=1,
        metavar="N",
        help="faces of a call, 1 (default), or 0 for any number",
    )


def add_measurement_options(group):
    group.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="aligned faces, a folder a person, for int8 ranges and the comparison; "
        "default: rendered faces",
    )
    group.add_argument(
        "--representative",
        type=int,
        default=500,
        metavar="N",
        help="crops that int8 ranges are taken from (default: 500)",
    )
    group.add_argument(
        "--pairs", type=Path, metavar="FILE", help="pair list to measure thresholds on"
    )
    group.add_argument(
        "--images", type=Path, metavar="DIR", help="aligned faces that --pairs names"
    )
    group.add_argument(
        "--max-accuracy-drop",
        type=float,
        default=0.5,
        metavar="POINTS",
        help="what a variant may lose on the pairs, percentage points (default: 0.5)",
    )
    group.add_argument(
        "--min-cosine",
        type=float,
        default=0.99,
        metavar="C",
        help="least mean cosine to the Keras model (default: 0.99)",
    )
    for name, default, what in (
        ("p01", 0.98, "first percentile of the cosines"),
        ("least", 0.95, "cosine of any crop"),
    ):
        group.add_argument(
            f"--min-{name}-cosine",
            type=float,
            default=default,
            metavar="C",
            help=f"least {what} (default: {default})",
        )
    group.add_argument(
        "--max-search-drop",
        type=float,
        default=1.5,
        metavar="POINTS",
        help="what a variant may lose of rank 1 and DIR at FAR 1 %% in a search over "
        "--images, percentage points (default: 1.5)",
    )
    group.add_argument(
        "--min-rank-agreement",
        type=float,
        metavar="R",
        help="least share of probes with the Keras model's nearest face, 0..1",
    )


def add_server_options(parser, out):
    """Options that exports for servers share; `out` says what is written."""
    add_model_and_output(parser, out)
    parser.add_argument(
        "--mirror",
        choices=["none", "concat", "mean"],
        default="concat",
        help="what becomes of the mirror image's embedding: left out, appended "
        "(default, as in a bundle) or averaged with the crop's",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="aligned faces for the check; default: rendered faces",
    )
    parser.add_argument(
        "--min-cosine",
        type=cosine,
        default=0.9999,
        metavar="C",
        help="least cosine of a crop to the Keras model (default: 0.9999)",
    )


def cosine(text):
    """A number -1..1, for argparse."""
    value = float(text)
    if not -1 <= value <= 1:
        raise argparse.ArgumentTypeError(f"a cosine must be -1..1. Received: {text}")
    return value


def ready_files(parser, texts):
    """The files of --add-variant, by name."""
    files = {}
    for text in texts:
        name, _, file = text.partition("=")
        if not (name.replace("-", "").replace("_", "").isalnum() and file):
            parser.error(f"--add-variant takes NAME=FILE. Received: {text}")
        if name in files:
            parser.error(f"--add-variant names {name} twice")
        files[name] = Path(file)
    return files


def _size(text):
    if text is None:
        return None
    from tf_sphereface.data.alignment.settings import parse_size

    crop = parse_size(text)
    return crop.height, crop.width


def export_options(args):
    from tf_sphereface.deployment import ExportOptions, GateLimits

    return ExportOptions(
        variants=("all",) if "all" in args.quantize else tuple(args.quantize),
        keep_float=tuple(args.keep_float),
        mirror=args.mirror,
        inside=tuple(args.inside),
        batch=args.batch or None,
        calibration=args.calibration,
        representative=args.representative,
        limits=GateLimits(
            args.min_cosine,
            args.max_accuracy_drop,
            args.min_rank_agreement,
            args.min_p01_cosine,
            args.min_least_cosine,
            args.max_search_drop,
        ),
        ready=args.add_variant,
        size=_size(args.size),
        pixels=given_pixels(args),
        licence=args.licence,
        overwrite=args.overwrite,
    )
