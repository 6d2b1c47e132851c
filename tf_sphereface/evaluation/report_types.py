"""What the reports of all protocols have in common: curves, tables, figures as text."""

import dataclasses
import math
from typing import NamedTuple, Protocol

import numpy as np

NOT_MEASURED = "not measured"
# What the axes of each kind of curve are; any other kind brings its own labels.
AXIS_LABELS = {
    "roc": (
        "FAR: impostor pairs accepted (fraction)",
        "TAR: genuine pairs accepted (fraction)",
    ),
    "det": (
        "FAR: impostor pairs accepted (fraction)",
        "FRR: genuine pairs rejected (fraction)",
    ),
    "cmc": (
        "rank: how many of the gallery are looked at",
        "identification rate (fraction of probes)",
    ),
    "dir": (
        "FPIR: strangers taken for someone (fraction)",
        "DIR: people found and named rightly (fraction)",
    ),
    "angles": (
        "angle between the two faces: smaller is more alike",
        "share of the pairs of its kind",
    ),
}


@dataclasses.dataclass(frozen=True)
class Curve:
    """One line of a plot; the curves of a kind are drawn into one plot.

    Args:
        name: What the line is, such as "genuine"; at most some 30 characters.
        kind: A key of `AXIS_LABELS`, or another word with `labels`. "roc", "det",
            "cmc" and "dir" hold fractions over fractions or ranks. "angles" is a
            histogram: x are the middles of bins of one width, degrees, y shares.
        x: Float (points,), rising.
        y: Float (points,), finite.
        labels: Words of the two axes; () takes those of the kind.

    Raises: ValueError if x and y are not finite (points,), or there are no labels.
    """

    name: str
    kind: str
    x: np.ndarray = dataclasses.field(repr=False, compare=False)
    y: np.ndarray = dataclasses.field(repr=False, compare=False)
    labels: tuple[str, ...] = ()

    def __post_init__(self):
        x, y = (np.asarray(values, np.float64) for values in (self.x, self.y))
        if x.ndim != 1 or x.shape != y.shape or not np.isfinite([x, y]).all():
            raise ValueError(
                "`x` and `y` must be finite and (points,). "
                f"Received: x={x.shape}, y={y.shape}"
            )
        labels = tuple(self.labels) or AXIS_LABELS.get(self.kind, ())
        if len(labels) != 2:
            raise ValueError(
                "`labels` must be the words of two axes for a kind that is not one of "
                f"{', '.join(AXIS_LABELS)}. Received: kind={self.kind!r}, "
                f"labels={self.labels!r}"
            )
        for field, value in (("x", x), ("y", y), ("labels", labels)):
            object.__setattr__(self, field, value)


@dataclasses.dataclass(frozen=True)
class Table:
    """Figures of a report that no tile has room for.

    Args:
        title: Heading on the page.
        text: What is in it, in a sentence or two.
        columns: Headings.
        rows: Each as many plain texts as there are columns; "" is an empty cell. What
            stands after a line break is shown small.
    """

    title: str
    text: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class PairError(NamedTuple):
    """Two photos that were judged wrongly.

    Args:
        left: Path relative to the images folder, with "/".
        right: As `left`.
        same: Whether they show one person.
        score: Cosine.
    """

    left: str
    right: str
    same: bool
    score: float


class Report(Protocol):
    """What every protocol's result has, a frozen dataclass.

    The page also shows what a report may have: `verdict() -> str`, one or two sentences
    in plain words; `tables() -> list[Table]`; `worst_errors() -> list[PairError]`;
    `missing_photos`, names; and in its JSON `counts`, numbers by what is counted.

    Attributes:
        protocol: Name, as `--protocol` takes it.
        notes: Sentences on what limits the result.
    """

    protocol: str
    notes: tuple[str, ...]

    def headline(self) -> list[tuple[str, str]]:
        """(label, figure) of the figures that matter most, as people read them.

        A figure begins with its number ("99.28 %"), or is "not measured". Labels are
        the same for all models under one protocol: they are columns of comparisons.
        """

    def curves(self) -> list[Curve]:
        """Lines to draw, of some hundred points at most."""

    def to_json(self) -> dict:
        """Everything but the scores of all pairs; NaN is None."""


def percent(rate: float) -> str:
    """A fraction as people read it: "99.28 %", or "not measured" for NaN."""
    return NOT_MEASURED if math.isnan(rate) else f"{100 * rate:.2f} %"


def without_nan(value):
    """The same nested dicts, lists and tuples (as lists) with None for each NaN."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
