"""Plots of curves as SVG text that follows the page's light or dark colours."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from tf_sphereface.evaluation.report_types import Curve
from tf_sphereface.pages.svg import (
    ACCENT,
    FIRST,
    INK,
    SECOND,
    SERIES,
    SIZE,
    new_figure,
    to_svg,
)

TITLES = {
    "roc": "ROC: true accept rate over false accept rate",
    "det": "DET: false reject rate over false accept rate",
    "cmc": "CMC: identification rate over rank",
    "dir": "Open-set identification: rate of detection over false alarms",
    "angles": "Histogram of the angles of the pairs",
}
_ROLES = {"genuine": FIRST, "impostor": SECOND}
_MEANINGS = {
    "genuine": "genuine (same person)",
    "impostor": "impostor (two people)",
}
_DASHED = (0, (4, 3))
_FEW_RANKS = 20
_FEW_TICKS = 8
_SHORT, _ENTRY = 24, 0.2  # letters of a legend's label in two columns; inches of a row


class _Line(NamedTuple):
    curve: Curve
    label: str
    colour: str
    dashed: bool = False


def curves_svg(
    curves: Sequence[Curve], name: str, threshold: float | None = None
) -> str:
    """One report's curves of one kind.

    Args:
        curves: Of one kind, at least one.
        name: Prefix of the ids in the SVG, one for each plot of a page.
        threshold: Cosine, drawn among "angles".

    Raises: ValueError if the curves are of different kinds.
    """
    lines = []
    for index, curve in enumerate(curves):
        usual = ACCENT if len(curves) == 1 else SERIES[index % len(SERIES)]
        colour = _ROLES.get(curve.name, usual) if curve.kind == "angles" else usual
        label = _MEANINGS.get(curve.name) or _plain(curve.name)
        lines.append(_Line(curve, label, colour))
    return _svg(lines, name, threshold)


def overlay_svg(models: Sequence[tuple[str, Sequence[Curve]]], name: str) -> str:
    """The curves of one kind of several models: a colour is a model.

    Args:
        models: For each the name and its curves, all of one kind. A second curve of a
            model, such as that of its impostors, is dashed.
        name: Prefix of the ids in the SVG, one for each plot of a page.

    Raises: ValueError if the curves are of different kinds.
    """
    lines = []
    for index, (model, curves) in enumerate(models):
        for number, curve in enumerate(curves):
            colour = SERIES[index % len(SERIES)]
            # A model has one entry in the legend, or half of the plot would be legend.
            label = "" if number else _plain(model)
            lines.append(_Line(curve, label, colour, dashed=number > 0))
    return _svg(lines, name, None)


def _plain(name):
    """A name as Matplotlib shows it as it is: no formula, and not left out."""
    name = " ".join(name.split()).replace("$", r"\$")
    return f" {name}" if name.startswith("_") else name


def _svg(lines, name, threshold):
    kinds = {line.curve.kind for line in lines}
    if len(kinds) != 1:
        raise ValueError(f"`curves` must be of one kind. Received: {sorted(kinds)}")
    (kind,) = kinds
    labels = [line.label for line in lines if line.label]
    columns = 2 if max(map(len, labels)) <= _SHORT else 1
    rows = 0 if len(lines) == 1 else math.ceil(len(labels) / columns)
    width, height = SIZE
    figure, axes = new_figure((width, height + _ENTRY * max(0, rows - 1)))
    draw = {"angles": _draw_angles, "cmc": _draw_ranks, "det": _draw_det}
    draw = draw.get(kind, _draw_rates if kind in ("roc", "dir") else _draw_plain)
    draw(axes, lines)
    if threshold is not None:
        _draw_threshold(axes, threshold)
    axes.set_xlabel(lines[0].curve.labels[0])
    axes.set_ylabel(lines[0].curve.labels[1])
    if len(lines) > 1:
        figure.legend(
            loc="outside upper left",
            ncols=columns,
            frameon=False,
            labelcolor=INK,
            fontsize=9,
        )
    return to_svg(figure, name, TITLES.get(kind, f"{kind} curve"))


def _draw_steps(axes, lines):
    for line in lines:
        x, y = line.curve.x, line.curve.y
        style = _DASHED if line.dashed else "-"
        axes.plot(
            *(x, y),
            drawstyle="steps-post",
            color=line.colour,
            linewidth=2,
            linestyle=style,
            label=line.label or None,
        )


def _draw_rates(axes, lines):
    """Fractions over a logarithmic axis of rare errors."""
    _draw_steps(axes, lines)
    if len(lines) == 1:
        (line,) = lines
        fill = {"step": "post", "alpha": 0.08, "linewidth": 0}
        axes.fill_between(line.curve.x, line.curve.y, color=line.colour, **fill)
    _rare_errors(axes.xaxis, axes.set_xscale)
    axes.set_xlim(min(_least(line.curve.x) for line in lines), 1)
    axes.set_ylim(0, 1.02)


def _draw_det(axes, lines):
    """Errors over errors; a rate of 0 runs along the lower edge."""
    edge = min(_least(line.curve.y) for line in lines) / 1.3
    raised = [np.maximum(line.curve.y, edge) for line in lines]
    drawn = [
        line._replace(curve=dataclasses.replace(line.curve, y=y))
        for line, y in zip(lines, raised, strict=True)
    ]
    _draw_steps(axes, drawn)
    _rare_errors(axes.xaxis, axes.set_xscale)
    _rare_errors(axes.yaxis, axes.set_yscale)
    axes.set_xlim(min(_least(line.curve.x) for line in lines), 1)
    axes.set_ylim(edge, 1)


def _least(values):
    """The smallest number that a logarithmic axis can show, at most 0.5."""
    return min(values[values > 0].min(initial=1.0), 0.5)


def _rare_errors(axis, set_scale):
    set_scale("log")
    axis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
    axis.set_minor_formatter(FuncFormatter(lambda rate, _: ""))


def _draw_ranks(axes, lines):
    _draw_steps(axes, lines)
    last = max(line.curve.x.max() for line in lines)
    if last > _FEW_RANKS:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rank, _: f"{rank:,g}"))
    axes.set_xlim(1, max(last, 2))
    lowest = min(line.curve.y.min() for line in lines)
    axes.set_ylim(max(0, math.floor(10 * lowest - 1e-9) / 10), 1.005)


def _draw_angles(axes, lines):
    for line in lines:
        x, y = line.curve.x, line.curve.y
        half = (x[1] - x[0]) / 2
        edges = np.append(x - half, x[-1] + half)
        if all(line.label for line in lines) and len(lines) <= 2:
            style = {"fill": True, "alpha": 0.55}
        else:  # filled hills of several models would hide each other
            style = {"linewidth": 1.6, "linestyle": _DASHED if line.dashed else "-"}
        axes.stairs(y, edges, color=line.colour, label=line.label or None, **style)
    seen = np.concatenate([line.curve.x[line.curve.y > 0] for line in lines])
    low, high = seen.min(initial=180), seen.max(initial=0)
    _show_angles(axes, low, max(low, high))
    axes.set_ylim(bottom=0)


def _draw_threshold(axes, threshold):
    limit = math.degrees(math.acos(threshold))
    label = f"threshold {limit:.1f}° (cosine {threshold:.4f})"
    axes.axvline(limit, color=INK, linestyle=_DASHED, label=label)
    low, high = axes.get_xlim()
    _show_angles(axes, min(low, limit), max(high, limit))


def _show_angles(axes, low, high):
    low, high = 10 * math.floor(low / 10), 10 * math.ceil(high / 10)
    axes.set_xlim(low, max(high, low + 10))
    if high - low > 60:
        axes.xaxis.set_major_locator(MultipleLocator(20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda angle, _: f"{angle:g}°"))


def _draw_plain(axes, lines):
    for line in lines:
        style = _DASHED if line.dashed else "-"
        axes.plot(
            *(line.curve.x, line.curve.y),
            color=line.colour,
            linewidth=2,
            linestyle=style,
            marker="o",
            markersize=5,
            label=line.label or None,
        )
    measured = sorted({x for line in lines for x in line.curve.x})
    if len(measured) <= _FEW_TICKS:
        axes.set_xticks(measured, [f"{x:g}" for x in measured])
