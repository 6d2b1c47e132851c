"""A picture of matched pairs: both crops, score and verdict."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.files import replacing
from tf_sphereface.quickstart.matches import Matches, PairMatch

SHEET_FILE = "matches.jpg"
_HEIGHT, _GAP, _TITLE, _CAPTION = 128, 12, 34, 30  # pixels
_PAPER, _INK, _RIGHT, _WRONG = "white", "#20262e", "#0f766e", "#b91c1c"
_TITLES = {True: "Two photos of one person", False: "Photos of two people"}


def draw_matches(matches: Matches, crops_dir: Path) -> np.ndarray:
    """Genuine pairs in the left column, impostor pairs in the right one.

    Args:
        matches: What to show.
        crops_dir: Aligned folder that holds the crops.

    Returns: uint8 (height, width, 3), RGB.
    """
    columns = [
        [_draw_pair(pair, crops_dir) for pair in matches.pairs if pair.genuine == same]
        for same in _TITLES
    ]
    cells = [cell for column in columns for cell in column]
    width, height = cells[0].width + _GAP, cells[0].height + _GAP
    rows = max(map(len, columns))
    sheet = Image.new("RGB", (2 * width + _GAP, rows * height + _TITLE + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (title, column) in enumerate(
        zip(_TITLES.values(), columns, strict=True)
    ):
        left = _GAP + number * width
        draw.text((left, _GAP), title, _INK, ImageFont.load_default(18))
        for row, cell in enumerate(column):
            sheet.paste(cell, (left, _TITLE + _GAP + row * height))
    return np.asarray(sheet)


def write_sheet(sheet: np.ndarray, path: Path) -> None:
    """Writes a sheet of `draw_matches` as a JPEG file."""
    with replacing(path, private=True) as temporary:
        Image.fromarray(sheet).save(temporary, "JPEG", quality=90)


def _draw_pair(pair: PairMatch, crops_dir: Path) -> Image.Image:
    """Two crops side by side over a line of text, framed by right or wrong."""
    faces = [
        Image.fromarray(read_photo(crops_dir / crop))
        for crop in (pair.left, pair.right)
    ]
    faces = [face.resize((_width(face), _HEIGHT)) for face in faces]
    width = sum(face.width for face in faces) + 3 * _GAP
    cell = Image.new("RGB", (width, _HEIGHT + _CAPTION + 2 * _GAP), _PAPER)
    draw, colour = ImageDraw.Draw(cell), _RIGHT if pair.correct else _WRONG
    draw.rectangle((0, 0, cell.width - 1, cell.height - 1), outline=colour, width=3)
    left = _GAP
    for face in faces:
        cell.paste(face, (left, _GAP))
        left += face.width + _GAP
    place = _GAP, _HEIGHT + _GAP + 8
    draw.text(place, describe(pair), colour, ImageFont.load_default(15))
    return cell


def _width(face: Image.Image) -> int:
    return round(face.width * _HEIGHT / face.height)


def describe(pair: PairMatch) -> str:
    """Score and verdict, such as "0.612: same, right"."""
    if pair.score is None:
        return "no face found"
    if pair.same is None:
        return f"{pair.score:.3f}: no threshold"
    verdict = "same" if pair.same else "different"
    return f"{pair.score:.3f}: {verdict}, {'right' if pair.correct else 'wrong'}"
