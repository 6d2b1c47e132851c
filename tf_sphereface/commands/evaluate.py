"""Score a model, or embeddings of any system, under a published protocol.

Writes report.json and report.html and prints the figures that matter most.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

from tf_sphereface.commands.options.pixels import (
    PIXEL_OPTIONS,
    add_pixel_options,
    given_pixels,
)
from tf_sphereface.commands.options.search import add_search_options
from tf_sphereface.commands.options.thumbnails import (
    add_thumbnails_option,
    tell_of_faces,
)
from tf_sphereface.commands.options.trust import (
    add_trust_model_option,
    add_trust_option,
)
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import (
    add_json_option,
    print_notes,
    print_result,
)
from tf_sphereface.errors import InputError
from tf_sphereface.stated_paths import stated_command
from tf_sphereface.whole_folders import check_folder

# Options that belong to the command itself; all others are passed to the protocol, if
# they are given and it takes them.
_OWN = frozenset(
    {
        *("model", "protocol", "out", "variant", "minimum_accuracy"),
        *("thumbnails", "trust", "trust_model", "json", *PIXEL_OPTIONS),
    }
)
# The options that say what is compared with what: their files' checksums tell which
# reports can be laid side by side. Folders of photos and embeddings are none of them.
_LISTS = frozenset(
    {
        *("pairs", "templates", "gallery", "probes", "known", "extra"),
        *("probe_noise", "distractor_noise", "photo_scores"),
    }
)


def build_parser() -> argparse.ArgumentParser:
    from tf_sphereface.evaluation import PROTOCOLS  # loads no network library

    lines = [f"  {name:<18} {protocol.about}" for name, protocol in PROTOCOLS.items()]
    parser = argparse.ArgumentParser(
        prog="sphereface evaluate",
        description=__doc__,
        epilog="\n".join(["protocols:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model",
        type=Path,
        help=".keras or .tflite file, SavedModel, bundle or run folder, or a .npz file "
        "of embeddings (`sphereface embed` writes one)",
    )
    parser.add_argument(
        "--protocol",
        choices=sorted(PROTOCOLS),
        default="lfw",
        help="what is measured, see below (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the report, new or old"
    )
    parser.add_argument("--variant", help="model of a bundle (default: the bundle's)")
    add_thumbnails_option(parser, "faces of the worst errors on the page", shown=False)
    parser.add_argument(
        "--minimum-accuracy",
        type=float,
        metavar="X",
        help="exit with 1 if the accuracy, a fraction 0..1, is lower",
    )
    _add_protocol_options(parser)
    add_search_options(parser)
    add_trust_option(parser)
    add_trust_model_option(parser)
    add_pixel_options(parser)
    add_json_option(parser)
    return parser


def _add_protocol_options(parser):
    """Options of protocols: without a default here, so that what was said is known."""
    parser.add_argument(
        "--images", type=Path, help="folder of aligned faces; not needed with a .npz"
    )
    parser.add_argument("--pairs", type=Path, help="pair list in the protocol's format")
    parser.add_argument(
        "--no-mirror",
        dest="mirror",
        action="store_const",
        const=False,
        help="embed the face alone, without its mirror image",
    )
    parser.add_argument(
        "--rule",
        choices=("sphereface", "insightface"),
        help="how folds of pairs are judged: cosines without the mean of the other "
        "folds (default), or InsightFace's distances of the sum with the mirror image; "
        "with ijb, insightface is that project's pooling and rates",
    )
    parser.add_argument(
        "--missing",
        choices=("wrong", "skip", "error"),
        help="pairs that lack a photo: count them as wrong (default), leave them out, "
        "or stop",
    )
    parser.add_argument(
        "--resamples",
        type=int,
        metavar="N",
        help="of the people, for confidence intervals (default: 1000; 0: none)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of the resamples (default: 0)"
    )
    parser.add_argument(
        "--groups",
        type=Path,
        metavar="FILE.csv",
        help="person,group lines: TAR and FAR of each group at the thresholds of all",
    )


@reports_errors
def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    args = build_parser().parse_args(argv)
    report = _evaluate(args, stated_command("evaluate", argv))
    print_notes(report.notes)
    print_result(report.summary(), args.json, allow_nan=False)
    if verdict := report.verdict():
        tell(verdict)
    page = args.out / "report.html"
    tell(f"report: {page}")
    if args.thumbnails:
        tell_of_faces(page)
    if args.minimum_accuracy is not None and report.accuracy < args.minimum_accuracy:
        tell(
            f"the accuracy {report.accuracy:.4f} is below the gate "
            f"{args.minimum_accuracy:g}",
        )
        return 1
    return 0


def _evaluate(args, command):
    from tf_sphereface import evaluation
    from tf_sphereface.commands.terminal.progress_bar import progress_bar

    minimum = args.minimum_accuracy
    if minimum is not None and not 0 <= minimum <= 1:
        raise InputError(
            f"--minimum-accuracy must be a fraction 0..1. Received: {minimum:g}"
        )
    check_folder("--out", args.out)
    protocol = evaluation.PROTOCOLS[args.protocol]
    if minimum is not None and not protocol.has_accuracy:
        raise InputError(f"--protocol {args.protocol} gives no accuracy to compare")
    options = _protocol_options(args, protocol)
    if args.thumbnails and args.images is None:
        raise InputError("--thumbnails needs --images")
    source = evaluation.open_features(
        args.model, args.variant, given_pixels(args), args.trust, args.trust_model
    )
    with progress_bar("embedding", "photos") as progress:
        report = protocol.load()(source, args.protocol, progress=progress, **options)
    report = dataclasses.replace(report, notes=(*source.notes, *report.notes))
    model_info = evaluation.describe_model(args.model, args.variant, source)
    evaluation.write_report(
        report,
        args.out,
        command,
        model_info,
        inputs=_lists(options),
        images_dir=args.images if args.thumbnails else None,
    )
    return report


def _lists(options):
    """The lists among the options, by name; several of one option are numbered."""
    lists = {}
    for name in sorted(_LISTS & options.keys()):
        value = options[name]
        for number, path in enumerate(value if isinstance(value, list) else [value]):
            held = path.suffix not in (".npz", ".npy")
            if held and (name == "pairs" or path.is_file()):
                lists[f"{name}_{number + 1}" if number else name] = path
    return lists


def _protocol_options(args, protocol):
    """Options that the user gave for the protocol.

    Raises: InputError if it lacks an option that it needs, or does not take one: an
        option that does nothing would mislead.
    """
    from tf_sphereface.evaluation.rates.bootstrap import (
        FEWEST_RESAMPLES,
        MOST_RESAMPLES,
    )

    given = {
        name: value
        for name, value in vars(args).items()
        if name not in _OWN and value is not None
    }
    flags = {name: f"--{name.replace('_', '-')}" for name in given}
    flags["mirror"] = "--no-mirror"
    for name in protocol.needs:
        if name not in given:
            raise InputError(
                f"--protocol {args.protocol} needs --{name.replace('_', '-')}"
            )
    for name in given:
        if name not in (*protocol.needs, *protocol.takes):
            raise InputError(
                f"{flags[name]} is no option of --protocol {args.protocol}"
            )
    for name in ("resamples", "seed"):
        if given.get(name, 0) < 0:
            raise InputError(
                f"{flags[name]} must be at least 0. Received: {given[name]}"
            )
    resamples = given.get("resamples", 0)
    if resamples and not FEWEST_RESAMPLES <= resamples <= MOST_RESAMPLES:
        raise InputError(
            f"--resamples must be 0 or at least {FEWEST_RESAMPLES}, and at most "
            f"{MOST_RESAMPLES:,}. Received: {resamples}"
        )
    return given


if __name__ == "__main__":
    sys.exit(main())
