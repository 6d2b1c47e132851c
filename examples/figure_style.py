"""One look for all figures of the examples, and small PNG files."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from tf_sphereface.files import write_atomically

INK = "#27313d"
PALE = "#d5dae1"
GENUINE = "#0072b2"
IMPOSTOR = "#d55e00"
# Ten classes: the colours of Okabe and Ito, and two that keep apart from them. Classes
# are also labelled where they lie, since no ten colours are safe for every eye.
CLASS_COLOURS = (
    "#000000",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#c9b900",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#7a4fb5",
    "#8c6d46",
)
_DPI = 110
_PALETTE = 96


def new_figure(width: float, height: float) -> Figure:
    """A white figure of this many inches whose parts do not overlap."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    figure.get_layout_engine().set(h_pad=0.09, w_pad=0.06)
    return figure


def plain_axes(axes, grid: bool = True) -> None:
    """Left and bottom spines only, in ink, over a pale grid."""
    if grid:
        axes.grid(color=PALE, linewidth=0.7)
        axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(INK)
        axis.label.set_size(10)
    axes.title.set_color(INK)


def label_class(axes, position: np.ndarray, label: int) -> None:
    """The digit of a class in a white disc of its colour, at x, y of the axes' data."""
    axes.annotate(
        str(label),
        position,
        ha="center",
        va="center",
        fontsize=8,
        fontweight="bold",
        color=CLASS_COLOURS[label],
        bbox={
            "boxstyle": "circle,pad=0.18",
            "facecolor": "white",
            "edgecolor": CLASS_COLOURS[label],
            "linewidth": 0.9,
        },
        zorder=6,
        annotation_clip=False,
    )


def save_png(figure: Figure, path: Path) -> None:
    """Writes the figure as a PNG with a palette, a third of the size of full colour."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    picture = Image.open(buffer).convert("RGB").quantize(_PALETTE, dither=0)
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    write_atomically(path, buffer.getvalue())
