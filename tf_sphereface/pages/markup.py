"""Pieces of the pages: text, templates and pictures that are part of the file."""

import base64
import html
import importlib.resources
import io
import string

import numpy as np
from PIL import Image

_JPEG_QUALITY = 85


def fill_page(package: str, name: str, values: dict[str, str]) -> str:
    """A whole page: the frame that all pages have, about a template.

    Args:
        package: As for `fill_template`; the template is what stands between the lead
            and the list of details.
        name: As for `fill_template`.
        values: HTML of each field of the template, and of the frame's: `kicker`,
            `heading`, `headline` (the lead), `details` (rows of a <dl>), if there is
            one `subtitle`, and `title` if it is not "KICKER: HEADING".

    Raises: KeyError if a field has no value.
    """
    subtitle = values.get("subtitle")
    frame = {
        "title": f"{values['kicker']}: {values['heading']}",
        **values,
        "style": _text(__package__, "style.css"),
        "subtitle": "" if subtitle is None else f'<p class="subtitle">{subtitle}</p>\n',
        "body": fill_template(package, name, values),
    }
    return fill_template(__package__, "frame.html", frame)


def fill_template(package: str, name: str, values: dict[str, str]) -> str:
    """A template with the values in it.

    Args:
        package: Package that holds the template.
        name: File name of the template, with $fields.
        values: HTML of each field.

    Raises: KeyError if a field has no value.
    """
    return string.Template(_text(package, name)).substitute(values)


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


def _text(package, name):
    return (importlib.resources.files(package) / name).read_text("utf-8")
