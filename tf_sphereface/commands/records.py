"""Pack aligned faces into TFRecord shards for training."""

import argparse
import dataclasses
import sys
from pathlib import Path

from tf_sphereface.commands.options.crops import (
    add_crop_options,
    chosen_crop,
    says_crop,
)
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import add_json_option, print_result


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sphereface records", description=__doc__)
    parser.add_argument("aligned", type=Path, help="folder that `align` wrote")
    parser.add_argument("--out", type=Path, required=True, help="new record folder")
    parser.add_argument(
        "--shards", type=int, help="number of files (default: one per 4,000 faces)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the shuffle (default: 0)"
    )
    parser.add_argument(
        "--min-images",
        type=int,
        default=1,
        metavar="K",
        help="leave out identities with fewer images (default: 1)",
    )
    parser.add_argument(
        "--identities", type=Path, metavar="FILE", help="keep these only, one a line"
    )
    parser.add_argument(
        "--exclude-crops",
        type=Path,
        metavar="CSV",
        help="leave out the crops whose column `drop` says yes, as in the list of "
        "`sphereface clean`",
    )
    parser.add_argument(
        "--exclude",
        metavar="LIST",
        help="leave out the people of a file, one a line, or of the built-in list "
        "casia-lfw (the 3 people of CASIA-WebFace who are in LFW)",
    )
    parser.add_argument(
        "--holdout-identities",
        type=_number_or_share,
        metavar="N|SHARE",
        help="keep so many people, or such a share (0.1), out of the records; their "
        "crops are copied to OUT/holdout for `pairs` and `evaluate`",
    )
    parser.add_argument(
        "--template-crops",
        action="store_true",
        help="take crops of photos in which no face was found too",
    )
    add_crop_options(
        parser,
        "of faces that another program has aligned, pixels (default: as `align` "
        "recorded it, else 112x96 or 112x112)",
    )
    add_json_option(parser)
    return parser


def _number_or_share(text):
    try:
        return int(text) if text.strip("+-").isdecimal() else float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            "must be a number of people, or a share between 0 and 1 such as 0.1. "
            f"Received: {text!r}"
        ) from error


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    summary = _write(args)
    if summary.missing_identities:
        message = (
            f"{summary.missing_identities} names of {args.identities} have no crop"
        )
        tell(f"note: {message}")
    if summary.missing_crops:
        message = f"{summary.missing_crops} crops of {args.exclude_crops} do not exist"
        tell(f"note: {message}")
    if summary.template_crops:
        message = f"{summary.template_crops} crops of photos without a face left out"
        tell(f"note: {message}; --template-crops takes them")
    print_result(dataclasses.asdict(summary), args.json)
    return 0


def _write(args):
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.data.aligned.crop_exclusions import read_crop_exclusions
    from tf_sphereface.data.photos.exclusions import (
        exclusion_note,
        read_exclusions,
        read_identity_list,
    )
    from tf_sphereface.native_messages import load_tensorflow

    load_tensorflow()
    from tf_sphereface.data.records.writer import write_records

    names = args.identities and read_identity_list(args.identities)
    exclude = read_exclusions(args.exclude) if args.exclude else ()
    crops = read_crop_exclusions(args.exclude_crops) if args.exclude_crops else ()
    with progress_bar("packing", "faces") as progress:
        summary = write_records(
            args.aligned,
            args.out,
            args.shards,
            seed=args.seed,
            min_images=args.min_images,
            identities=names,
            exclude=exclude,
            exclude_crops=crops,
            holdout_identities=args.holdout_identities,
            template_crops=args.template_crops,
            crop=chosen_crop(args) if says_crop(args) else None,
            progress=progress,
        )
    if note := exclusion_note(args.exclude, exclude, summary.excluded_identities):
        tell(note)
    return summary


if __name__ == "__main__":
    sys.exit(main())
