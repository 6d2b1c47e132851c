"""List the training recipes that ship with the package, or print one.

`sphereface train NAME` takes a recipe by its name. To change one, write it to a file
with `sphereface recipes NAME > mine.toml`, or use --set of `train`.
"""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.terminal.errors import reports_errors


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface recipes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", help="recipe to print; default: list all")
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    from tf_sphereface.training.recipes.shipped import find_recipe, shipped_recipes

    if args.name is not None:
        print(find_recipe(Path(args.name)).read_text("utf-8"), end="")
        return 0
    recipes = shipped_recipes()
    width = max(map(len, recipes))
    for name, summary in recipes.items():
        print(f"{name:<{width}}  {summary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
