"""Go on with a training run so that its network bears 8 bits, zeros or few values."""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.terminal.errors import reports_errors


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface quantization-train", description=__doc__
    )
    parser.add_argument("run", type=Path, help="run folder of `sphereface train`")
    parser.add_argument("--recipe", type=Path, required=True, help="scheme, TOML")
    parser.add_argument(
        "--records", type=Path, required=True, help="the run's record folder"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the result, new or empty"
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
    args = build_parser().parse_args(argv)
    from tf_sphereface.quantization_training.process import Job, run_job
    from tf_sphereface.quantization_training.recipe import QuantizationRecipe
    from tf_sphereface.training.recipes.recipe import read_recipe
    from tf_sphereface.training.recipes.shipped import find_recipe

    recipe = read_recipe(find_recipe(args.recipe), args.set, QuantizationRecipe)
    job = Job(
        run=str(args.run),
        recipe=recipe.model_dump(mode="json"),
        records=str(args.records),
        out=str(args.out),
    )
    return run_job(job)


if __name__ == "__main__":
    sys.exit(main())
