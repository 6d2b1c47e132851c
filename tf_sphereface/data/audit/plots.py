"""Plots of an audit, as SVG text."""

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import FuncFormatter

from tf_sphereface.geometry import CROP_HEIGHT, CropGeometry
from tf_sphereface.pages.svg import ACCENT, FIRST, INK, new_figure, to_svg

_WIDE = (5.2, 3.2)  # inches of 72 px
_POINTS_DRAWN = 1000  # crops whose landmarks are drawn
_PEOPLE_DRAWN = 400  # points of the curve of people
# Upper ends of the bars of photos per person.
_GROUPS = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, 49), (50, 99), (100, None))


def histogram_svg(
    values: np.ndarray,
    edges: np.ndarray,
    label: str,
    name: str,
) -> str:
    """A histogram with a logarithmic axis of counts: the rare crops are the question.

    Args:
        values: Float (n,); values outside the edges are counted at the ends.
        edges: Float (bins + 1,), rising.
        label: Of the horizontal axis, with the unit.
        name: Prefix of the ids in the SVG.
    """
    figure, axes = new_figure(_WIDE)
    inside = np.clip(values, edges[0], edges[-1])
    axes.hist(inside, edges, histtype="stepfilled", color=FIRST, alpha=0.75)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, None)
    axes.set_xlim(edges[0], edges[-1])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.set_xlabel(label)
    axes.set_ylabel("crops")
    return to_svg(figure, name, f"Histogram of the crops by {label}")


def groups_svg(counts: np.ndarray) -> str:
    """Bars: how many people have one crop, two, three or four, and so on.

    Args:
        counts: Int (people,), crops of each person.
    """
    figure, axes = new_figure(_WIDE)
    groups = [group for group in _GROUPS if group[0] <= counts.max(initial=1)]
    people = [
        np.count_nonzero((counts >= low) & (counts <= (high or counts.max(initial=1))))
        for low, high in groups
    ]
    names = [_group_name(low, high) for low, high in groups]
    bars = axes.bar(names, people, color=FIRST, alpha=0.75, width=0.72)
    labels = [f"{count:,}" for count in people]
    axes.bar_label(bars, labels, color=INK, fontsize=9, padding=2)
    axes.margins(y=0.14)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.set_xlabel("crops of a person")
    axes.set_ylabel("people")
    return to_svg(figure, "groups", "People by their number of crops")


def people_svg(counts: np.ndarray) -> str:
    """The people from most crops to fewest: how uneven the collection is.

    Args:
        counts: Int (people,), crops of each person, falling.
    """
    figure, axes = new_figure(_WIDE)
    ranks = np.unique(np.linspace(1, max(len(counts), 1), _PEOPLE_DRAWN).round())
    ranks = ranks.astype(int)[: len(counts)]
    # From the left edge of the first person to the right edge of the last.
    across = np.append(ranks - 0.5, len(counts) + 0.5)
    heights = np.append(counts[ranks - 1], counts[-1:])
    if len(counts):
        drawing = {"step": "post", "color": ACCENT, "linewidth": 0}
        axes.fill_between(across, heights, alpha=0.12, **drawing)
        axes.plot(across, heights, drawstyle="steps-post", color=ACCENT, linewidth=2)
        axes.set_xlim(0.5, len(counts) + 0.5)
    if counts.max(initial=1) > 20:
        axes.set_yscale("log")
        axes.set_ylim(0.8, None)
    else:
        axes.set_ylim(0, None)
    number = FuncFormatter(lambda count, _: f"{count:,.0f}")
    axes.xaxis.set_major_formatter(number)
    axes.yaxis.set_major_formatter(number)
    axes.set_xlabel("people, from most crops to fewest")
    axes.set_ylabel("crops of the person")
    return to_svg(figure, "people", "Number of crops of each person")


def landmarks_svg(warped: np.ndarray, crop: CropGeometry, seed: int) -> str:
    """The landmarks of many crops, drawn over each other, and the template's rings.

    Args:
        warped: Float (n, 5, 2), pixels of the crop; a random sample is drawn.
        crop: Size and template.
        seed: Of the sample.
    """
    rng = np.random.default_rng([seed, 2])
    drawn = rng.choice(len(warped), min(_POINTS_DRAWN, len(warped)), replace=False)
    # A line of hardly a length with round ends is a dot; one path is far shorter than
    # thousands of circles.
    dots = "".join(f"M{x:.1f} {y:.1f}h.01" for x, y in warped[drawn].reshape(-1, 2))
    return Markup(
        f"{_crop_frame('Landmarks of the crops and the template', crop)}"
        f'<path d="{dots}" style="fill: none; stroke: var(--plot-genuine, #0f766e); '
        f"stroke-width: {0.9 * _enlargement(crop):.3g}; stroke-linecap: round; "
        f'stroke-opacity: 0.45"/>{_rings(crop)}</svg>'
    )


def average_svg(address: str, crop: CropGeometry) -> str:
    """The average face with the template's rings on it.

    Args:
        address: The face as a data: address.
        crop: Size and template.
    """
    return Markup(
        f'{_crop_frame("The average face and the template", crop)}<image x="-0.5" '
        f'y="-0.5" width="{crop.width}" height="{crop.height}" href="{address}"/>'
        f"{_rings(crop)}</svg>"
    )


def _enlargement(crop):
    # What is drawn has the same size on the page, whatever the crop's pixels.
    return crop.height / CROP_HEIGHT


def _crop_frame(title, crop):
    # The first pixel's centre is at 0, as landmarks count.
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="-0.5 -0.5 {crop.width} {crop.height}" aria-label="{title}">'
    )


def _rings(crop):
    unit = _enlargement(crop)
    # Bright under dark: to be seen on skin and on both kinds of paper.
    strokes = (("#ffffff", 1.8), ("#b3123f", 0.9))
    return "".join(
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{2.3 * unit:.3g}" fill="none" '
        f'stroke="{colour}" stroke-width="{width * unit:.3g}"/>'
        for x, y in crop.template
        for colour, width in strokes
    )


def _group_name(low, high):
    if high is None:
        return f"≥ {low}"
    return f"{low}" if low == high else f"{low}–{high}"
