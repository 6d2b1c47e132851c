"""Pieces of the pages: text, templates and pictures that are part of the file."""

import base64
import html
import importlib.resources
import io
import string

import numpy as np
from PIL import Image

_JPEG_QUALITY = 85


def fill_template(package: str, name: str, values: dict[str, str]) -> str:
    """A page's template with the style and the values in it.

    Args:
        package: Package that holds the template.
        name: File name of the template, with $fields and the field $style.
        values: HTML of each other field.

    Raises: KeyError if a field has no value.
    """
    template = (importlib.resources.files(package) / name).read_text("utf-8")
    style = importlib.resources.files(__package__) / "style.css"
    filled = {"style": style.read_text("utf-8"), **values}
    return string.Template(template).substitute(filled)


def escape(text: str) -> str:
    """Text as HTML shows it, within elements and quoted attributes."""
    return html.escape(text, quote=True)


def picture_address(pixels: np.ndarray) -> str:
    """A picture as a data: address, so that a page fetches nothing.

    Args:
        pixels: uint8 (height, width, 3), RGB.
    """
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode()


def picture_element(address: str, name: str, width: int, height: int) -> str:
    """An <img> of a picture.

    Args:
        address: From `picture_address`.
        name: What is shown without pictures, HTML.
        width: Pixels.
        height: Pixels.
    """
    return f'<img src="{address}" alt="{name}" width="{width}" height="{height}">'


def definition_list(entries: list[tuple[str, str]]) -> str:
    """Rows of a <dl>: names and plain texts."""
    return "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in entries
    )


def cards(entries: list[tuple[str, str, str]]) -> str:
    """Figures in boxes: heading, figure and explanation, all plain text."""
    return "".join(
        f'<div class="card"><h3>{escape(heading)}</h3>'
        f'<p class="figure">{escape(figure)}</p><p>{escape(text)}</p></div>'
        for heading, figure, text in entries
    )


def plural(count: int, one: str, many: str = "") -> str:
    """ "1 photo", "1,200 photos"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
