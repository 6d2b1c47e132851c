"""Run folders as the papers' tables have them: accuracy against margin and depth."""

import dataclasses
import tomllib
from collections import defaultdict
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.report_types import Curve
from tf_sphereface.evaluation.stored.reader import StoredReport, read_report
from tf_sphereface.evaluation.stored.writer import JSON_FILE

RECIPE_FILE = "recipe.toml"


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run folder with the report of its model.

    Args:
        folder: Of the run.
        network: Name of the backbone; "" if the recipe has none.
        depth: Number of its layers, as the recipe says; None if it says nothing.
        head: Name of the head.
        margin: As the recipe says; None if it says nothing.
        report: Of its model.
    """

    folder: Path
    network: str
    depth: int | None
    head: str
    margin: float | None
    report: StoredReport


def read_run(folder: Path) -> TrainedRun:
    """Reads RUN/recipe.toml, and the report in RUN or the one folder in it with one.

    Raises: InputError if there is no recipe or it is damaged, or there is no report, or
        more than one.
    """
    folder = Path(folder)
    try:
        recipe = tomllib.loads((folder / RECIPE_FILE).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"no run folder: {folder / RECIPE_FILE} is missing") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"damaged recipe: {folder / RECIPE_FILE} ({error})") from error
    backbone, head = (_section(recipe, name, folder) for name in ("backbone", "head"))
    return TrainedRun(
        folder=folder,
        network=str(backbone.get("name", "")),
        depth=_number(backbone, "depth", int),
        head=str(head.get("name", "")),
        margin=_number(head, "margin", int | float),
        report=read_report(_report_folder(folder)),
    )


def _section(recipe, name, folder):
    section = recipe.get(name, {})
    if not isinstance(section, dict):
        raise InputError(f"damaged recipe: {folder / RECIPE_FILE} ([{name}])")
    return section


def _number(section, key, kind):
    value = section.get(key)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _report_folder(folder):
    if (folder / JSON_FILE).is_file():
        return folder
    found = sorted(path.parent for path in folder.glob(f"*/{JSON_FILE}"))
    if len(found) != 1:
        raise InputError(
            f"{folder} must hold one report; `sphereface evaluate "
            f"{folder / 'best.keras'} --out {folder / 'report'}` writes it. "
            f"Received: {len(found)}"
        )
    return found[0]


def accuracy_curves(runs: list[TrainedRun]) -> list[Curve]:
    """Accuracy against the margin for each network and head, and against the depth.

    Runs that share everything, such as those of several seeds, are averaged. Only lines
    of at least two points are given.

    Args:
        runs: With reports that have an accuracy; others are left out.

    Returns: Curves of the kinds "margin" and "depth".
    """
    by_margin, by_depth = defaultdict(list), defaultdict(list)
    for run in runs:
        accuracy = run.report.content.accuracy
        if accuracy is None:
            continue
        if run.margin is not None:
            line = f"{run.head}, {_network(run)}"
            by_margin[line].append((run.margin, accuracy))
        if run.depth is not None:
            margin = "" if run.margin is None else f", m = {run.margin:g}"
            by_depth[f"{run.network}, {run.head}{margin}"].append((run.depth, accuracy))
    return [
        *_lines(by_margin, "margin", "margin m of the head"),
        *_lines(by_depth, "depth", "depth: layers of the network"),
    ]


def _network(run):
    return run.network if run.depth is None else f"{run.network} {run.depth}"


def _lines(groups, kind, axis):
    for name, points in groups.items():
        x = np.unique([at for at, _ in points])
        if len(x) > 1:
            means = [np.mean([y for other, y in points if other == at]) for at in x]
            yield Curve(name, kind, x, means, (axis, "accuracy (fraction)"))
