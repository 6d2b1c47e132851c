"""Propose wrong labels and repeated pictures of an aligned collection, for review.

Writes a list with a column `drop` to edit, for `sphereface records --exclude-crops`.
Nothing is deleted or moved.
"""

import argparse
import dataclasses
import math
import sys
from pathlib import Path

from tf_sphereface.commands.options.pixels import add_pixel_options, given_pixels
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
from tf_sphereface.new_files import new_files
from tf_sphereface.stated_paths import stated_command


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface clean",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("aligned", type=Path, help="folder that `align` wrote")
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        help=".keras or .tflite file, SavedModel, bundle or run folder",
    )
    parser.add_argument("--out", type=Path, required=True, help="new list, CSV")
    parser.add_argument(
        "--html", type=Path, help="page with the crops side by side, new"
    )
    parser.add_argument(
        "--no-mirror",
        action="store_true",
        help="embed the face alone, without its mirror image: twice as fast",
    )
    add_thumbnails_option(parser, "faces on the page")
    parser.add_argument("--variant", help="model of a bundle (default: the bundle's)")
    add_trust_option(parser)
    add_trust_model_option(parser)
    add_pixel_options(parser)
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    args = build_parser().parse_args(argv)
    report, source = _clean(args, stated_command("clean", argv))
    thresholds = {
        name: None if math.isnan(value) else round(value, 4)
        for name, value in dataclasses.asdict(report.thresholds).items()
    }
    summary = {
        "crops": report.crops,
        "identities": report.identities,
        "findings": report.counts(),
        "proposed_to_drop": report.proposed(),
        "thresholds": thresholds,
    }
    print_result(summary, args.json, allow_nan=False)
    print_notes((*source.notes, *report.notes()))
    tell(f"list to review: {args.out}")
    if args.html is not None:
        tell(f"page: {args.html}")
        if args.thumbnails:
            tell_of_faces(args.html)
    return 0


def _clean(args, command):
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.evaluation import describe_model, load_embedding_source
    from tf_sphereface.evaluation.cleaning import (
        propose_cleaning,
        write_clean_list,
        write_clean_page,
    )

    with new_files({"--out": args.out, "--html": args.html}) as made:
        source = load_embedding_source(
            args.model,
            args.variant,
            given_pixels(args),
            args.trust,
            args.trust_model,
        )
        with progress_bar("embedding", "crops") as progress:
            report = propose_cleaning(
                source, args.aligned, mirror=not args.no_mirror, progress=progress
            )
        write_clean_list(list(report.findings), made["--out"])
        if args.html is not None:
            model = describe_model(args.model, args.variant)
            words = (
                f"{model.path}, SHA-256 {model.sha256}, {source.pixel_contract.formula}"
            )
            page = made["--html"], args.out.name
            write_clean_page(
                report, args.aligned, *page, words, command, thumbnails=args.thumbnails
            )
    return report, source


if __name__ == "__main__":
    sys.exit(main())
