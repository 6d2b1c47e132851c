"""The papers' toy figures: embeddings in the plane, on the sphere, and their angles."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

import figure_style as style
from angle_metrics import class_centers, unit_rows
from toy_losses import LOSSES
from toy_training import TrainedToy

_PANELS_IN_A_ROW = 4
_SHARE = "share of pairs, a degree"
_LEAST = 1e-5  # of a share that is drawn
_PER_CLASS = 250  # points drawn of a class on a sphere: more would hide each other


def scatter_2d(runs: Sequence[TrainedToy]) -> Figure:
    """All test embeddings in the plane, a panel a loss, class weights as arrows.

    The arrows have one length, since a weight's own length says nothing about angles.
    """
    figure, panels = _grid(len(runs), size=2.75)
    for axes, run in zip(panels, runs, strict=True):
        reach = np.quantile(np.linalg.norm(run.embeddings, axis=1), 0.998)
        axes.set(xlim=(-1.3 * reach, 1.3 * reach), ylim=(-1.3 * reach, 1.3 * reach))
        axes.set_aspect("equal")
        axes.scatter(
            *run.embeddings.T,
            c=[style.CLASS_COLOURS[label] for label in run.labels],
            s=1.2,
            linewidths=0,
        )
        for label, weight in enumerate(unit_rows(run.kernel.T)):
            axes.annotate(
                "",
                reach * weight,
                (0, 0),
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": style.INK,
                    "linewidth": 0.9,
                    "shrinkA": 0,
                    "shrinkB": 0,
                },
            )
            style.label_class(axes, 1.14 * reach * weight, label)
        style.plain_axes(axes)
        axes.tick_params(labelsize=7)
        axes.set_title(_title(run), fontsize=9.5)
    return figure


def sphere_3d(runs: Sequence[TrainedToy]) -> Figure:
    """Normalised test embeddings on the unit sphere, and the angles of their pairs.

    A column a loss: the sphere from the front, from behind, and the histograms.
    """
    figure = style.new_figure(2.75 * len(runs), 7.6)
    rows = figure.subplots(3, len(runs), squeeze=False, height_ratios=(1, 1, 0.75))
    for column, run in enumerate(runs):
        for row, side in ((0, 1), (1, -1)):
            draw_hemisphere(rows[row, column], run.embeddings, run.labels, side)
        rows[0, column].set_title(_title(run), fontsize=9.5, color=style.INK)
        _draw_angles(rows[2, column], run)
    for row, text in ((0, "from the front"), (1, "from behind")):
        rows[row, 0].set_ylabel(text, fontsize=9, color=style.INK)
    rows[2, 0].set_ylabel(_SHARE, fontsize=9)
    return figure


def angle_histograms(runs: Sequence[TrainedToy]) -> Figure:
    """Angles of all genuine and impostor pairs of test images, a panel a loss."""
    figure, panels = _grid(len(runs), size=2.75, height=2.2)
    for number, (axes, run) in enumerate(zip(panels, runs, strict=True)):
        _draw_angles(axes, run)
        axes.set_title(LOSSES[run.loss].title, fontsize=9.5)
        if number % _PANELS_IN_A_ROW == 0:
            axes.set_ylabel(_SHARE, fontsize=9)
    return figure


def _grid(count, size, height=None):
    columns = min(count, _PANELS_IN_A_ROW)
    rows = -(-count // columns)
    figure = style.new_figure(size * columns, (height or size + 0.15) * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.set_axis_off()
    return figure, panels[:count]


def _title(run):
    return f"{LOSSES[run.loss].title}\ntest accuracy {run.test_accuracy:.2%}"


def _draw_angles(axes, run):
    edges = np.arange(181)
    for name, counts, mean, colour in (
        ("genuine", run.pairs.genuine, run.pairs.genuine_mean, style.GENUINE),
        ("impostor", run.pairs.impostor, run.pairs.impostor_mean, style.IMPOSTOR),
    ):
        shares = counts / counts.sum()
        axes.stairs(shares, edges, baseline=_LEAST, color=colour, fill=True, alpha=0.6)
        label = f"{name}, mean {mean:.0f}°"
        axes.plot([], [], color=colour, linewidth=5, alpha=0.6, label=label)
    axes.set_yscale("log")
    axes.set_ylim(_LEAST, 3)
    axes.legend(frameon=False, fontsize=8, labelcolor=style.INK, loc="upper right")
    axes.set_xlim(0, 180)
    axes.set_xticks(range(0, 181, 45), [f"{tick}°" for tick in range(0, 181, 45)])
    axes.set_xlabel("angle of a pair", fontsize=9)
    style.plain_axes(axes)
    axes.tick_params(labelsize=8)


def draw_hemisphere(
    axes, embeddings: np.ndarray, labels: np.ndarray, side: int
) -> None:
    """The half of the sphere that is seen from +side of the view's axis.

    Args:
        axes: Matplotlib's.
        embeddings: Float (n, 3), not L2-normalised.
        labels: Integer (n,), 0..9; at least two classes that are not opposite.
        side: 1 for the front, -1 for behind.
    """
    view = _view(embeddings, labels)
    right, up, towards = view * np.array([[side], [1], [side]])
    circle = np.linspace(0, 2 * np.pi, 181)
    axes.fill(np.cos(circle), np.sin(circle), facecolor="#f6f7f9", edgecolor=style.INK)
    for line in _graticule(circle):
        seen = np.where((line @ towards > 0)[:, None], line, np.nan)
        axes.plot(seen @ right, seen @ up, color=style.PALE, linewidth=0.6)
    points = unit_rows(embeddings)
    for label, center in enumerate(class_centers(points, labels)):
        own = points[labels == label][:_PER_CLASS]
        own = own[own @ towards > 0]
        colour = style.CLASS_COLOURS[label]
        axes.scatter(own @ right, own @ up, color=colour, s=2.5, linewidths=0)
        if center @ towards > 0:
            place = np.array([center @ right, center @ up])
            # Beside the class, outwards: it may be smaller than its label.
            distance = np.linalg.norm(place)
            away = place / distance if distance > 0.05 else np.array([0.6, 0.8])
            style.label_class(axes, place + 0.17 * away, label)
    axes.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), xticks=[], yticks=[])
    axes.set_aspect("equal")
    axes.set_frame_on(False)


def _view(embeddings, labels):
    """Rows right, up, towards the viewer: the turn that hides fewest class centres.

    Class 0 is at the centre of the front, class 1 straight above it or below.
    """
    centers = class_centers(embeddings, labels)
    towards = centers[0]
    up = unit_rows((centers[1] - (centers[1] @ towards) * towards)[None])[0]
    return np.stack([np.cross(up, towards), up, towards])


def _graticule(circle):
    for latitude in np.radians([-60, -30, 0, 30, 60]):
        height = np.full_like(circle, np.sin(latitude))
        flat = np.cos(latitude)
        yield np.stack([flat * np.cos(circle), flat * np.sin(circle), height], axis=1)
    for longitude in np.radians(range(0, 180, 30)):
        flat = np.cos(circle)
        parts = (flat * np.cos(longitude), flat * np.sin(longitude), np.sin(circle))
        yield np.stack(parts, axis=1)
