"""Self-contained HTML pages from the Jinja2 templates that lie beside the modules.

Every page extends pages/frame.html. All that a template shows is escaped, but for the
SVG of our own plots.
"""

import base64
import importlib.resources
import io
import re

import jinja2
import numpy as np
from markupsafe import Markup, escape
from PIL import Image

_JPEG_QUALITY = 85


def render_page(template: str, **values) -> str:
    """A whole page.

    Args:
        template: Path below the package, such as "pages/frame.html".
        values: What the template takes: plain text, numbers, lists and dicts of them.

    Raises: jinja2.UndefinedError if a value is missing.
    """
    return _ENVIRONMENT.get_template(template).render(values)


def picture_address(pixels: np.ndarray) -> str:
    """A picture as a data: address, so that a page fetches nothing.

    Args:
        pixels: uint8 (height, width, 3), RGB.
    """
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode()


def plural(count: int, one: str, many: str = "") -> str:
    """ "1 photo", "1,200 photos"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _with_code(text):
    """The `commands` of a text as <code>."""
    return Markup(re.sub("`(.*?)`", r"<code>\1</code>", str(escape(text))))


def _without_person(file, person):
    """A file's name without the person's at its beginning: its end tells more."""
    return "…" + file.removeprefix(person) if file.startswith(person) else file


def _environment():
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tf_sphereface", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "plural": plural,
        "thousands": "{:,}".format,
        "with_code": _with_code,
        "without_person": _without_person,
    }
    style = importlib.resources.files(__package__) / "style.css"
    environment.globals["style"] = Markup(style.read_text("utf-8"))
    environment.globals["parts"] = environment.get_template("pages/parts.html").module
    return environment


_ENVIRONMENT = _environment()
