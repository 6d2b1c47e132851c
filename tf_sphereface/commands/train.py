"""Train a recipe on records; the same command resumes an interrupted run."""

import argparse
import dataclasses
import sys
from pathlib import Path

from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import (
    add_json_option,
    print_notes,
    print_result,
)
from tf_sphereface.errors import InputError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sphereface train", description=__doc__)
    parser.add_argument(
        "recipe",
        type=Path,
        help="TOML file, or a name that `sphereface recipes` lists",
    )
    parser.add_argument("--records", type=Path, required=True, help="record folder")
    parser.add_argument("--run", type=Path, help="run folder, new or to be resumed")
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
    parser.add_argument(
        "--backup-steps",
        type=int,
        default=200,
        metavar="N",
        help="steps between backups, which also come with each epoch, with Ctrl-C and "
        "with SIGTERM (default: %(default)s)",
    )
    parser.add_argument(
        "--wait-seconds",
        type=float,
        default=300,
        metavar="S",
        help="for how long the other machines of TF_CONFIG are waited for "
        "(default: %(default)s)",
    )
    trial = parser.add_mutually_exclusive_group()
    trial.add_argument(
        "--dry-run",
        action="store_true",
        help="train 20 steps and tell parameters, memory, images a second and the time "
        "that the whole will take; no --run",
    )
    trial.add_argument(
        "--find-learning-rate",
        action="store_true",
        help="train up to 100 steps while the learning rate grows, and tell where the "
        "loss falls fastest; no --run",
    )
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if (args.images is None) != (args.pairs is None):
        parser.error("--images and --pairs go together")
    trying = args.dry_run or args.find_learning_rate
    if trying == (args.run is not None):
        parser.error("--run is needed, or --dry-run or --find-learning-rate without it")
    from tf_sphereface.native_messages import load_tensorflow
    from tf_sphereface.training.distribution.cluster import read_cluster
    from tf_sphereface.training.recipes.recipe import read_recipe
    from tf_sphereface.training.recipes.shipped import find_recipe

    recipe = read_recipe(find_recipe(args.recipe), args.set)
    if trying:
        load_tensorflow()
        print_result(_tried(recipe, args), args.json)
        return 0
    validate = None
    cluster = read_cluster()
    if args.images is not None and (cluster is None or cluster.chief):
        from tf_sphereface.evaluation import verification_metrics

        validate = verification_metrics(args.images, args.pairs)
        _warn_of_known_people(args.records, args.pairs)
    load_tensorflow(("tensorflow", "jax"))
    from tf_sphereface.training.trainer import train

    summary = train(
        recipe,
        args.records,
        args.run,
        devices=args.devices,
        validate=validate,
        backup_steps=args.backup_steps,
        wait_seconds=args.wait_seconds,
    )
    print_result(dataclasses.asdict(summary), args.json)
    return 0


def _tried(recipe, args):
    from tf_sphereface.training.distribution.cluster import read_cluster

    if read_cluster() is not None:
        option = "--dry-run" if args.dry_run else "--find-learning-rate"
        raise InputError(f"{option} is for one machine: unset TF_CONFIG")
    if args.dry_run:
        from tf_sphereface.training.dry_run import dry_run

        return dry_run(recipe, args.records, args.devices)
    from tf_sphereface.training.rate_finder import find_learning_rate

    return find_learning_rate(recipe, args.records, args.devices)


def _warn_of_known_people(records, pairs_file):
    from tf_sphereface.data.records.manifest import read_manifest
    from tf_sphereface.evaluation.pairs.pair_list import read_lfw_pairs
    from tf_sphereface.evaluation.pairs.people import note_on_training, people_of_pairs

    people = people_of_pairs(read_lfw_pairs(pairs_file))
    print_notes(note_on_training(people, read_manifest(records).identities))


if __name__ == "__main__":
    sys.exit(main())
