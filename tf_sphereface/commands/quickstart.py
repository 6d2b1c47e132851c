"""Make a phone model in minutes: photos, training, evaluation, export and match.

Without options it renders photos of made-up people, trains a small network on most of
them, measures it on the others, and matches ten pairs of their photos.
"""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.options.thumbnails import (
    add_thumbnails_option,
    tell_of_faces,
)
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import printable
from tf_sphereface.stated_paths import stated_command


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface quickstart",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/quickstart"),
        help="folder for everything; an interrupted run is finished "
        "(default: runs/quickstart)",
    )
    parser.add_argument(
        "--data",
        default="synthetic",
        metavar="synthetic|lfw|DIR",
        help="rendered people (default), LFW (downloaded), or a folder with one folder "
        "of photos for each person",
    )
    parser.add_argument(
        "--subfolders",
        action="store_true",
        help="take photos in folders below a person's too",
    )
    add_thumbnails_option(parser, "faces in matches.jpg and on the pages")
    parser.add_argument(
        "--recipe", type=Path, help="training recipe (default: the shipped one)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="change a value of the recipe; may be repeated",
    )
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    args = build_parser().parse_args(arguments)
    from rich.console import Console

    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.native_messages import load_tensorflow
    from tf_sphereface.quickstart import run_quickstart

    errors = Console(stderr=True, highlight=False, markup=False)
    load_tensorflow()
    result = run_quickstart(
        args.out,
        args.data,
        recipe=args.recipe,
        subfolders=args.subfolders,
        thumbnails=args.thumbnails,
        overrides=tuple(args.set),
        command=stated_command("quickstart", arguments),
        progress_bar=progress_bar,
        say=lambda line: errors.print(printable(line), style="bold", soft_wrap=True),
        on_evaluated=lambda result: _print_figures(result, args.out),
    )
    _print_matches(result.matches)
    if args.thumbnails:
        _tell_of_faces(args.out)
    print(f"\n{result.verdict}")  # not folded: it has a command to copy
    return 0


def _print_figures(result, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    console.print(
        f"photos {result.photos}   detected {result.detected}   "
        f"identities {result.identities} + {result.unseen_identities} unseen   "
        f"steps {result.steps}   {result.seconds:.0f} s"
    )
    table = Table(
        title="verification of unseen people",
        caption="ms per face: one crop, without its mirror image. SavedModel: features "
        "of length 1, as in the line above it",
    )
    table.add_column("model")
    for column in ("accuracy", f"TAR@FAR {result.far:.0%}", "MB", "ms per face"):
        table.add_column(column, justify="right")
    for row in result.models:
        table.add_row(
            row.model,
            f"{row.accuracy:.2%}",
            "-" if row.tar_at_far is None else f"{row.tar_at_far:.2%}",
            f"{row.megabytes:.2f}",
            f"{row.milliseconds_per_face:.2f}",
        )
    console.print(table)
    for row in result.models:
        for failure in row.failures:
            console.print(f"{row.model} did not pass the gate: {failure}")
    if any(row.tar_at_far is None for row in result.models):
        console.print(f"-: too few impostor pairs for a FAR of {result.far:.0%}")
    console.print(f"report: {out / 'report.html'}   bundle: {out / 'bundle'}")


def _print_matches(matches) -> None:
    """Table of the matched pairs, and how many the bundle decided rightly."""
    from rich.console import Console
    from rich.table import Table

    from tf_sphereface.quickstart.matches import DRAWN, verdict_line

    console = Console(highlight=False, markup=False)
    table = Table(title=DRAWN)
    for column in ("photo", "photo", "people", "score", "verdict", ""):
        side = "right" if column == "score" else "left"
        table.add_column(column, justify=side, overflow="fold")
    verdicts = {True: "same", False: "different", None: "none"}
    for pair in matches.pairs:
        table.add_row(
            printable(_short(pair.left)),
            printable(_short(pair.right)),
            "one" if pair.genuine else "two",
            "no face" if pair.score is None else f"{pair.score:.3f}",
            verdicts[pair.same],
            "right" if pair.correct else "WRONG",
        )
    console.print(table)
    console.print(verdict_line(matches))


def _tell_of_faces(out):
    from tf_sphereface.data.audit import AUDIT_NAME
    from tf_sphereface.quickstart.contact_sheet import SHEET_FILE

    print(f"their faces: {out / SHEET_FILE}")
    pages = [out / "aligned" / name / AUDIT_NAME for name in ("train", "unseen")]
    tell_of_faces(out / SHEET_FILE, *pages)


def _short(crop: str) -> str:
    """A crop's name without its ending, and without a folder that the file names."""
    person, _, file = crop.removesuffix(".jpg").partition("/")
    return file if file.startswith(person) else f"{person}/{file}"


if __name__ == "__main__":
    sys.exit(main())
