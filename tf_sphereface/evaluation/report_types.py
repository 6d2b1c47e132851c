"""Parts that the reports of all protocols share: curves, tables, figures as text."""

import abc
import dataclasses
import math
from typing import NamedTuple

import numpy as np

NOT_MEASURED = "not measured"
# Meanings of the headline's labels, by their beginnings.
_EXPLAINED = {
    "rank": "Probes whose person is among that many nearest people of the gallery.",
    "tar at far": "Genuine pairs accepted when that share of impostor pairs gets "
    "through.",
    "dir at": "People of the gallery found and named rightly when that share of "
    "strangers is taken for someone.",
}
# Axes of each kind of curve; any other kind brings its own labels.
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


@dataclasses.dataclass(frozen=True, eq=False)
class Figure:
    """A picture for the page of a report.

    Args:
        title: Its heading.
        text: A sentence or two under the heading.
        pixels: uint8 (height, width, 3), RGB.
    """

    title: str
    text: str
    pixels: np.ndarray


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


class Report(abc.ABC):
    """Result of a protocol; subclasses are frozen dataclasses.

    Attributes:
        protocol: Name, as `--protocol` takes it.
        notes: Sentences on what limits the result.
        missing_photos: Names.
        source_kind: As `EmbeddingSource.kind`, or None.
        embedding_dim: Length of an embedding, or None.
        page_template: Template of report.html, pages/report.html or an extension of it.
    """

    missing_photos = ()
    source_kind = None
    embedding_dim = None
    page_template = "evaluation/pages/report.html"

    @abc.abstractmethod
    def headline(self) -> list[tuple[str, str]]:
        """(label, figure) of the figures that matter most, as people read them.

        A figure begins with its number ("99.28 %"), or is "not measured". Labels are
        the same for all models under one protocol: they are columns of comparisons.
        """

    @abc.abstractmethod
    def curves(self) -> list[Curve]:
        """Lines to draw, of some hundred points at most."""

    @abc.abstractmethod
    def to_json(self) -> dict:
        """Everything but the scores of all pairs; NaN is None.

        It may have `counts`, numbers by what is counted, which the page shows.
        """

    def summary(self) -> dict:
        """The figures that the command prints."""
        return self.to_json()

    def headline_intervals(self) -> dict[str, str]:
        """Confidence intervals by label of the headline, such as "98.1 % to 99.2 %"."""
        return {}

    def explanations(self) -> dict[str, str]:
        """A sentence for labels of the headline."""
        return {
            label: text
            for label, _ in self.headline()
            for beginning, text in _EXPLAINED.items()
            if label.lower().startswith(beginning)
        }

    def verdict(self) -> str:
        """The result in one or two plain sentences; "" if there are none."""
        return ""

    def tables(self) -> list[Table]:
        """Figures for which there is no tile."""
        return []

    def worst_errors(self) -> list[PairError]:
        """The pairs that were judged most wrongly."""
        return []

    def page_values(self) -> dict:
        """Values that `page_template` takes beside those of every report."""
        return {}


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
