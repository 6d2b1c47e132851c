"""Plots of a verification as SVG text that follows the page's light or dark colours."""

import io
import math
import re

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from tf_sphereface.evaluation.thresholds import roc_points

# Each colour is a place-holder in the drawing. In the SVG it becomes a CSS variable, so
# that one picture serves light and dark pages; alone, the SVG has the colour itself.
_COLOURS = {
    "plot-ink": "#3b4450",
    "plot-grid": "#d9dee5",
    "plot-genuine": "#0f766e",
    "plot-impostor": "#b45309",
    "plot-accent": "#4338ca",
}
_INK, _GRID, _GENUINE, _IMPOSTOR, _ACCENT = _COLOURS.values()
_CURVE_POINTS = 400
_SIZE = (5.2, 3.5)  # inches of 72 px; the page stretches it a little


def roc_svg(scores: np.ndarray, same: np.ndarray) -> str:
    """TAR over FAR on a logarithmic axis, from the sample's smallest FAR to 1.

    Args:
        scores: Float (pairs,).
        same: Bool (pairs,), genuine or impostor.
    """
    fars, tars = roc_points(scores, same)
    smallest = 1 / np.count_nonzero(~np.asarray(same, bool))
    figure, axes = _figure()
    # The best TAR within each FAR, finer than the eye: all points would be megabytes.
    drawn = np.geomspace(smallest / 2, 1, _CURVE_POINTS)
    tars = tars[np.searchsorted(fars, drawn * (1 + 1e-9), side="right") - 1]
    axes.plot(drawn, tars, drawstyle="steps-post", color=_ACCENT, linewidth=2)
    axes.fill_between(drawn, tars, step="post", color=_ACCENT, alpha=0.08, linewidth=0)
    axes.set_xscale("log")
    axes.set_xlim(smallest / 2, 1)
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda far, _: f"{far:g}"))
    axes.set_xlabel("FAR: impostor pairs accepted (fraction)")
    axes.set_ylabel("TAR: genuine pairs accepted (fraction)")
    return _to_svg(figure, "roc", "ROC: true accept rate over false accept rate")


def angles_svg(
    scores: np.ndarray, same: np.ndarray, threshold: float, name: str = "angles"
) -> str:
    """Histograms of the angles of genuine and impostor pairs, with the threshold.

    Args:
        scores: Float (pairs,), cosines -1..1; NaN rows are left out.
        same: Bool (pairs,), genuine or impostor.
        threshold: Cosine.
        name: Prefix of the ids in the SVG, one for each plot of a page.
    """
    same, known = np.asarray(same, bool), ~np.isnan(scores)
    theta = np.arccos(np.clip(np.where(known, scores, 0.0), -1.0, 1.0))
    degrees, limit = np.degrees(theta), math.degrees(math.acos(threshold))
    low = 10 * math.floor(min(degrees[known].min(initial=180), limit) / 10)
    high = 10 * math.ceil(max(degrees[known].max(initial=0), limit) / 10)
    bins = np.linspace(low, max(high, low + 10), 49)
    figure, axes = _figure()
    for kind, label, colour in (
        (same, "genuine (same person)", _GENUINE),
        (~same, "impostor (two people)", _IMPOSTOR),
    ):
        axes.hist(
            degrees[kind & known],
            bins,
            histtype="stepfilled",
            color=colour,
            alpha=0.55,
            label=label,
        )
    axes.axvline(
        limit,
        color=_INK,
        linestyle=(0, (4, 3)),
        label=f"threshold {limit:.1f}° (cosine {threshold:.4f})",
    )
    axes.set_xlim(bins[0], bins[-1])
    if bins[-1] - bins[0] > 60:
        axes.xaxis.set_major_locator(MultipleLocator(20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda angle, _: f"{angle:g}°"))
    axes.set_xlabel("angle between the two faces: smaller is more alike")
    axes.set_ylabel("pairs")
    figure.legend(
        loc="outside upper left", ncols=2, frameon=False, labelcolor=_INK, fontsize=9
    )
    return _to_svg(figure, name, "Histogram of the angles of the pairs")


def _figure():
    figure = Figure(figsize=_SIZE, layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=_INK, labelsize=10, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(_INK)
        axis.label.set_size(10)
    return figure, axes


def _to_svg(figure, name, title):
    """The <svg> element alone: no prolog, no metadata, no id that another plot has."""
    buffer = io.StringIO()
    # The salt makes the ids, and so the file, the same every time.
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    # The page decides the size; the text is the page's own.
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', _opening(title), svg, count=1)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    for variable, colour in _COLOURS.items():
        svg = svg.replace(colour, f"var(--{variable}, {colour})")
    return svg.strip()


def _opening(title):
    return (
        r'<svg xmlns="http://www.w3.org/2000/svg" '
        r'xmlns:xlink="http://www.w3.org/1999/xlink" \1 role="img" '
        rf'font-family="sans-serif" aria-label="{title}">'
    )
