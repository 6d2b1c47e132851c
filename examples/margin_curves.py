"""Draw the margin of every head over the angle, and measure the paper's two bounds.

Writes OUT/margin_curves.png and prints the smallest m for which, with A-Softmax, the
largest angle within a class does not exceed the smallest one between two classes.
"""

import argparse
import json
import sys
from pathlib import Path

from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.errors import InputError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python examples/margin_curves.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/margins"), help="folder, new or old"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the bounds as JSON on stdout"
    )
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    bounds = _draw_and_measure(args.out)
    if args.json:
        rows = [vars(bound) for bound in bounds]
        print(json.dumps(rows, indent=2, allow_nan=False))
    else:
        _print_table(bounds)
    print(f"figure: {args.out / 'margin_curves.png'}", file=sys.stderr)
    return 0


def _draw_and_measure(out):
    from tf_sphereface.native_messages import load_tensorflow

    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder. Received: {out}")
    load_tensorflow()
    from figure_style import save_png
    from margin_bounds import paper_bounds
    from margin_figure import margin_figure

    out.mkdir(parents=True, exist_ok=True)
    save_png(margin_figure(), out / "margin_curves.png")
    return paper_bounds()


def _print_table(bounds):
    from rich.console import Console
    from rich.table import Table

    table = Table(title="smallest m with compact classes")
    for heading, side in (("", "left"), ("measured", "right"), ("paper", "right")):
        table.add_column(heading, justify=side)
    for bound in bounds:
        table.add_row(bound.case, f"{bound.found:.4f}", f"{bound.paper:.4f}")
    Console(width=None if sys.stdout.isatty() else 88).print(table)


if __name__ == "__main__":
    sys.exit(main())
