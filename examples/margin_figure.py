"""The figure of all margins: what each head makes of the target's angle."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

import figure_style as style
import target_curves
from target_curves import Curve

_POINTS = 361
# Okabe and Ito's colours that are dark enough for lines, ink first for "no margin".
_LINES = (style.INK, "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_ROOM = 0.085  # between two labels, as a share of the axes' height


def margin_figure() -> Figure:
    """Three panels over the angle theta: multiplied, fixed and quality-led margins."""
    theta = np.linspace(0.0, np.pi, _POINTS)
    quality = target_curves.quality_curves(theta)
    quality.append(target_curves.hard_negative_curve(theta, 0.8))
    figure = style.new_figure(7.6, 10.2)
    panels = figure.subplots(3, 1)
    for axes, title, curves in (
        (
            panels[0],
            "Heads that multiply the angle: psi(θ)",
            target_curves.multiplicative_curves(theta),
        ),
        (
            panels[1],
            "Heads with one fixed margin (dashed: logit of the other classes)",
            target_curves.fixed_curves(theta),
        ),
        (panels[2], "Heads whose margin follows the norm or the training", quality),
    ):
        _draw(axes, np.degrees(theta), curves)
        axes.set_title(title, fontsize=11, loc="left", color=style.INK)
        axes.set_ylabel("logit / scale")
    panels[-1].set_xlabel("angle θ to the class weight")
    return figure


def _draw(axes, degrees, curves: Sequence[Curve]):
    for curve, colour in zip(curves, _LINES, strict=False):
        dashes = (0, (5, 2)) if curve.other else "-"
        axes.plot(degrees, curve.values, color=colour, linestyle=dashes, linewidth=1.9)
    axes.set_xlim(0, 180)
    axes.set_xticks(range(0, 181, 45), [f"{tick}°" for tick in range(0, 181, 45)])
    style.plain_axes(axes)
    low, high = axes.get_ylim()
    ends = [curve.values[np.isfinite(curve.values)][-1] for curve in curves]
    places = _spread(ends, _ROOM * (high - low))
    axes.set_ylim(min(low, min(places)), high)
    for curve, end, place, colour in zip(curves, ends, places, _LINES, strict=False):
        axes.annotate(
            curve.label,
            (180, end),
            (191, place),
            annotation_clip=False,
            va="center",
            fontsize=9,
            color=colour,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.7,
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 1,
            },
        )


def _spread(values, room):
    """The values moved apart to `room` at least, as little as that takes."""
    order = np.argsort(values)
    placed = np.asarray(values, float)[order]
    for _ in range(200):
        for left in range(len(placed) - 1):
            lack = room - (placed[left + 1] - placed[left])
            if lack > 1e-9:
                placed[left] -= lack / 2
                placed[left + 1] += lack / 2
    result = np.empty_like(placed)
    result[order] = placed
    return result
