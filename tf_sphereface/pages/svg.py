"""Plots as SVG text that follows the page's light or dark colours."""

import io
import re
import warnings

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.figure import Figure

# Each colour is a place-holder in the drawing. In the SVG it becomes a CSS variable, so
# that one picture serves light and dark pages; alone, the SVG has the colour itself.
_COLOURS = {
    "plot-ink": "#3b4450",
    "plot-grid": "#d9dee5",
    "plot-genuine": "#0f766e",
    "plot-impostor": "#b45309",
    "plot-accent": "#4338ca",
    "plot-fourth": "#a21caf",
    "plot-fifth": "#0369a1",
    "plot-sixth": "#b91c1c",
}
INK, GRID, FIRST, SECOND, ACCENT, *_MORE = _COLOURS.values()
SERIES = (ACCENT, SECOND, FIRST, *_MORE)  # of lines that are compared
SIZE = (5.2, 3.5)  # inches of 72 px; the page stretches it a little


def new_figure(size=SIZE):
    """A transparent figure with one axes in the page's colours.

    Args:
        size: Width and height, inches of 72 px.

    Returns: The figure and its axes.
    """
    figure = Figure(figsize=size, layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=INK, labelsize=10, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(INK)
        axis.label.set_size(10)
    return figure, axes


def to_svg(figure, name, title):
    """The <svg> element alone: no prolog, no metadata, no id that another plot has.

    Args:
        figure: From `new_figure`.
        name: Prefix of the ids, one for each plot of a page.
        title: For those who cannot see the plot.
    """
    buffer = io.StringIO()
    # The salt makes the ids, and so the file, the same every time.
    with (
        rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}),
        warnings.catch_warnings(),
    ):
        # The browser has its own fonts, and with them letters that Matplotlib lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    # The page decides the size; the text is the page's own.
    box = re.search(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', svg)
    svg = f"{svg[: box.start()]}{_opening(box[1], title)}{svg[box.end() :]}"
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    for variable, colour in _COLOURS.items():
        svg = svg.replace(colour, f"var(--{variable}, {colour})")
    return Markup(svg.strip())


def _opening(box, title):
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" {box} role="img" '
        f'font-family="sans-serif" aria-label="{escape(title)}">'
    )
