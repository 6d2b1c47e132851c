"""Go the whole road, from photos to a matching phone model, in minutes."""

import argparse
import shlex
import sys
from pathlib import Path

from tf_sphereface.commands.errors import reports_errors


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sphereface quickstart", description=__doc__)
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

    from tf_sphereface.commands.progress_bar import progress_bar
    from tf_sphereface.native_messages import load_tensorflow
    from tf_sphereface.quickstart import run_quickstart

    errors = Console(stderr=True, highlight=False)
    load_tensorflow()
    result = run_quickstart(
        args.out,
        args.data,
        recipe=args.recipe,
        overrides=tuple(args.set),
        command=shlex.join(["sphereface", "quickstart", *arguments]),
        progress_bar=progress_bar,
        say=lambda line: errors.print(f"[bold]{line}[/bold]"),
    )
    _print_result(result, args.out)
    return 0


def _print_result(result, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(
        f"photos {result.photos}   detected {result.detected}   "
        f"identities {result.identities} + {result.unseen_identities} unseen   "
        f"steps {result.steps}   {result.seconds:.0f} s"
    )
    table = Table(
        title="verification of unseen people",
        caption="ms per face: one crop, without its mirror image",
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
    for match in result.matches:
        people = "one person" if match["truth"] else "two people"
        verdict = {True: "same", False: "different", None: "no threshold measured"}
        threshold = match["threshold"]
        known = "" if threshold is None else f"threshold {threshold:.3f}"
        if known:
            known += f" (FAR {match['far']:.0%}): "
        console.print(
            f"two photos of {people}: score {match['score']:.3f}, "
            f"{known}{verdict[match['same']]}"
        )
    console.print(f"report: {out / 'report.html'}   bundle: {out / 'bundle'}")


if __name__ == "__main__":
    sys.exit(main())
