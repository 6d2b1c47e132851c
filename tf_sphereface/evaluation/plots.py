"""Plots of a verification as SVG text that follows the page's light or dark colours."""

import math

import numpy as np
from matplotlib.ticker import FuncFormatter, MultipleLocator

from tf_sphereface.evaluation.thresholds import roc_points
from tf_sphereface.pages.svg import ACCENT, INK, new_figure, to_svg
from tf_sphereface.pages.svg import FIRST as GENUINE
from tf_sphereface.pages.svg import SECOND as IMPOSTOR

_CURVE_POINTS = 400


def roc_svg(scores: np.ndarray, same: np.ndarray) -> str:
    """TAR over FAR on a logarithmic axis, from the sample's smallest FAR to 1.

    Args:
        scores: Float (pairs,).
        same: Bool (pairs,), genuine or impostor.
    """
    fars, tars = roc_points(scores, same)
    smallest = 1 / np.count_nonzero(~np.asarray(same, bool))
    figure, axes = new_figure()
    # The best TAR within each FAR, finer than the eye: all points would be megabytes.
    drawn = np.geomspace(smallest / 2, 1, _CURVE_POINTS)
    tars = tars[np.searchsorted(fars, drawn * (1 + 1e-9), side="right") - 1]
    axes.plot(drawn, tars, drawstyle="steps-post", color=ACCENT, linewidth=2)
    axes.fill_between(drawn, tars, step="post", color=ACCENT, alpha=0.08, linewidth=0)
    axes.set_xscale("log")
    axes.set_xlim(smallest / 2, 1)
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda far, _: f"{far:g}"))
    axes.set_xlabel("FAR: impostor pairs accepted (fraction)")
    axes.set_ylabel("TAR: genuine pairs accepted (fraction)")
    return to_svg(figure, "roc", "ROC: true accept rate over false accept rate")


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
    figure, axes = new_figure()
    for kind, label, colour in (
        (same, "genuine (same person)", GENUINE),
        (~same, "impostor (two people)", IMPOSTOR),
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
        color=INK,
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
        loc="outside upper left", ncols=2, frameon=False, labelcolor=INK, fontsize=9
    )
    return to_svg(figure, name, "Histogram of the angles of the pairs")
