"""The table of a comparison of losses: the mean of the seeds, and each seed."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from toy_losses import LOSSES
from toy_training import TrainedToy

_COLUMNS = {
    "intra_class_angle": "intra °",
    "inter_class_angle": "inter °",
    "genuine_angle": "genuine °",
    "impostor_angle": "impostor °",
}


def table_rows(runs: Sequence[TrainedToy]) -> list[dict]:
    """One row for each loss and embedding size, in the order of the runs.

    Returns: Dicts of `loss`, `dim`, `seeds` and, for each figure of
        `TrainedToy.figures`, the mean over the seeds under its name, and the value of
        each seed under its name and "_by_seed".
    """
    groups = {}
    for run in runs:
        groups.setdefault((run.loss, run.dim), []).append(run)
    rows = []
    for (loss, dim), group in groups.items():
        row = {"loss": loss, "dim": dim, "seeds": [run.seed for run in group]}
        figures = [run.figures for run in group]
        for name in figures[0]:
            values = [each[name] for each in figures]
            row[name] = float(np.mean(values))
            row[f"{name}_by_seed"] = values
        rows.append(row)
    return rows


def printed_table(rows: Sequence[dict], title: str) -> Table:
    """The rows for the terminal: accuracies in percent, angles in degrees."""
    table = Table(title=title, caption="mean of the seeds; angles of test images")
    for heading in ("loss", "dim"):
        table.add_column(heading)
    table.add_column("test accuracy", justify="right")
    table.add_column("each seed", justify="right")
    for heading in _COLUMNS.values():
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            LOSSES[row["loss"]].title,
            str(row["dim"]),
            f"{row['test_accuracy']:.2%}",
            " ".join(f"{value:.2%}" for value in row["test_accuracy_by_seed"]),
            *(f"{row[name]:.1f}" for name in _COLUMNS),
        )
    return table
