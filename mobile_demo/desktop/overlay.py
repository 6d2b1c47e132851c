"""Drawing on frames: boxes, names, scores, and lines of text."""

import dataclasses
import functools

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from desktop.keys import HELP
from tf_sphereface.gallery.tracks import Track

_LEAST_SIDE = 640  # pixels of the longer side, so that text can be read
_MOST_SIDE = 1600
_COLOURS = {
    "known": (46, 184, 92),
    "not sure": (255, 179, 0),
    "unknown": (224, 224, 224),
    None: (79, 195, 247),
}
_PANEL = (16, 18, 22, 190)  # RGBA behind text
_WHITE, _DIM, _BLACK = (245, 245, 245), (190, 196, 204), (12, 12, 12)
_FONTS = ("DejaVuSans.ttf", "Arial.ttf", "Helvetica.ttc")


@dataclasses.dataclass
class Screen:
    """All that is shown besides the faces.

    Args:
        status: Facts in the line at the top, from left to right.
        message: The last event in words, or "".
        prompt: A question with the text that is typed, or None.
        hint: What the keys do about the question.
        help: Whether the line of keys is shown.
    """

    status: tuple[str, ...] = ()
    message: str = ""
    prompt: str | None = None
    hint: str = ""
    help: bool = False


def fitted(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """A picture at a size at which text can be read, and its scale.

    Args:
        pixels: uint8 (height, width, 3).
    """
    side = max(pixels.shape[:2])
    scale = min(max(side, _LEAST_SIDE), _MOST_SIDE) / side
    if scale == 1:
        return pixels.copy(), 1.0
    # Even sides: video codecs take no others.
    size = [2 * round(length * scale / 2) for length in pixels.shape[1::-1]]
    how = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
    return cv2.resize(pixels, size, interpolation=how), scale


def caption(track: Track) -> str:
    """The words beside a face: name or decision, and the score."""
    words = track.name if track.decision == "known" else track.decision
    if words is None:
        return "…"
    return words if track.score is None else f"{words}  {track.score:.2f}"


def draw(pixels: np.ndarray, tracks: list[Track], screen: Screen) -> np.ndarray:
    """A frame with all that is known of it.

    Args:
        pixels: uint8 (height, width, 3), RGB.
        tracks: Its faces.
        screen: What else is shown.

    Returns: uint8, RGB, of the size that `fitted` gives.
    """
    shown, scale = fitted(pixels)
    height, width = shown.shape[:2]
    picture = Image.fromarray(shown)
    pen = _Pen(picture, max(13, round(min(height, width) / 30)))
    for track in tracks:
        pen.face((track.box + 0.5) * scale - 0.5, _COLOURS[track.decision], track)
    if screen.status:
        pen.line(0, "   ".join(screen.status), _WHITE)
    bottom = height
    if screen.help:
        bottom -= pen.keys(bottom)
    if screen.message:
        bottom -= pen.line(bottom - pen.height, screen.message, _WHITE)
    if screen.prompt is not None:
        pen.prompt(bottom, screen.prompt, screen.hint)
    return np.asarray(picture)


class _Pen:
    """Draws text on panels, in one size."""

    def __init__(self, picture, size):
        self._draw = ImageDraw.Draw(picture, "RGBA")
        self._font, self._size = _font(size), size
        self._width, self._bottom = picture.size
        self.height = round(size * 1.7)
        self._gap = round(size * 0.6)

    def face(self, box, colour, track):
        x1, y1, x2, y2 = (float(side) for side in box)
        thick = max(2, self._size // 8)
        self._draw.rounded_rectangle(
            (x1, y1, max(x1 + 1, x2), max(y1 + 1, y2)),
            radius=max(2, self._size // 3),
            outline=colour,
            width=thick,
        )
        words = caption(track)
        room = self._width - 2 * self._gap
        words = self._cut(words, room)
        wide = self._draw.textlength(words, self._font) + 2 * self._gap
        left = min(max(0, x1), max(0, self._width - wide))
        # Above the face, or below it where the line of facts or the edge is.
        top = y1 - self.height if y1 > 2 * self.height else y2
        top = min(top, self._bottom - self.height)
        area = (left, top, left + wide, top + self.height)
        self._draw.rounded_rectangle(area, radius=self._size // 3, fill=colour)
        self._text(left + self._gap, top, words, _BLACK)

    def line(self, top, words, colour):
        """A line over the whole width; gives its height."""
        self._draw.rectangle((0, top, self._width, top + self.height), fill=_PANEL)
        words = self._cut(words, self._width - 2 * self._gap)
        self._text(self._gap, top, words, colour)
        return self.height

    def keys(self, bottom):
        """The line of keys; gives its height."""
        top, left = bottom - self.height, self._gap
        self._draw.rectangle((0, top, self._width, bottom), fill=_PANEL)
        for key, does in HELP:
            left = self._text(left, top, key, _COLOURS[None]) + self._gap // 2
            left = self._text(left, top, does, _DIM) + 1.5 * self._gap
        return self.height

    def prompt(self, bottom, words, hint):
        """A question, above what is at the bottom."""
        wide = min(self._width - 2 * self._gap, 26 * self._size)
        left = (self._width - wide) / 2
        top = bottom - 2 * self.height - 2 * self._gap
        area = (left, top - self._gap, left + wide, top + 2 * self.height + self._gap)
        radius = self._size // 2
        fill, edge = (*_PANEL[:3], 235), _COLOURS[None]
        self._draw.rounded_rectangle(area, radius, fill=fill, outline=edge, width=2)
        room = wide - 4 * self._gap
        words = self._cut(words, room, keep_end=True)
        self._text(left + 2 * self._gap, top, words, _WHITE)
        hint = self._cut(hint, room)
        self._text(left + 2 * self._gap, top + self.height, hint, _DIM)

    def _text(self, left, top, words, colour):
        """Text in the middle of a line; gives its right end."""
        place = left, top + self.height / 2
        self._draw.text(place, words, fill=colour, font=self._font, anchor="lm")
        return left + self._draw.textlength(words, self._font)

    def _cut(self, words, room, keep_end=False):
        if self._draw.textlength(words, self._font) <= room:
            return words
        while words and self._draw.textlength(words + "…", self._font) > room:
            words = words[1:] if keep_end else words[:-1]
        return f"…{words}" if keep_end else f"{words}…"


@functools.cache
def _font(size):
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
