"""Train a recipe on records; the same command resumes an interrupted run."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from tf_sphereface.commands.errors import reports_errors


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sphereface train", description=__doc__)
    parser.add_argument("recipe", type=Path, help="training recipe, TOML")
    parser.add_argument("--records", type=Path, required=True, help="record folder")
    parser.add_argument(
        "--run", type=Path, required=True, help="run folder, new or to be resumed"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="change a value of the recipe; may be repeated; RUN/recipe.toml shows "
        "every key",
    )
    parser.add_argument(
        "--devices", type=int, help="GPUs to train on (default: all there are)"
    )
    parser.add_argument(
        "--images",
        type=Path,
        help="aligned faces of other people; with --pairs, verified every epoch",
    )
    parser.add_argument("--pairs", type=Path, help="pair list in LFW format")
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if (args.images is None) != (args.pairs is None):
        parser.error("--images and --pairs go together")
    from tf_sphereface.native_messages import load_tensorflow
    from tf_sphereface.training.recipe import read_recipe

    recipe = read_recipe(args.recipe, args.set)
    validate = None
    if args.images is not None:
        from tf_sphereface.evaluation import verification_metrics

        validate = verification_metrics(args.images, args.pairs)
    load_tensorflow()
    from tf_sphereface.training.trainer import train

    summary = train(
        recipe, args.records, args.run, devices=args.devices, validate=validate
    )
    print(json.dumps(dataclasses.asdict(summary), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
