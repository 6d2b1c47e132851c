"""Skin of a person in every photo: tone, mottling, marks, beard, lines."""

from functools import lru_cache

import cv2
import numpy as np

from tf_sphereface.data.synthetic.canvas import (
    HEIGHT,
    LEFT,
    PIXELS_PER_UNIT,
    TOP,
    WIDTH,
    FaceCanvas,
    ellipse,
    mirrored,
)
from tf_sphereface.data.synthetic.identity import FaceIdentity

_BLUSH = np.array([1.04, 0.86, 0.85], np.float32)


@lru_cache(maxsize=16)
def skin_layer(identity: FaceIdentity) -> np.ndarray:
    """Face without eyes, brows and mouth, uint8 (HEIGHT, WIDTH, 3), sRGB."""
    rng = np.random.default_rng(identity.grain_seed)
    skin = np.array(identity.skin_colour, np.float32)
    mottle = 1 + 0.03 * _noise(rng, 12) + 0.02 * _noise(rng, 60)
    canvas = FaceCanvas(np.clip(skin * mottle[..., None], 0, 255).astype(np.uint8))
    _paint_sockets(canvas, identity, skin)
    _paint_blush(canvas, identity, skin)
    _paint_freckles(canvas, identity, rng, skin)
    for x, y, radius in identity.marks:
        canvas.disc((x, y), radius, skin * (0.36, 0.28, 0.26), 0.9, 0.006)
    _paint_lines(canvas, identity, skin)
    _paint_nose(canvas, identity, skin)
    _paint_beard(canvas, identity, rng)
    canvas.pixels.setflags(write=False)
    return canvas.pixels


def _noise(rng, cells) -> np.ndarray:
    small = rng.standard_normal((cells * 3 // 2, cells)).astype(np.float32)
    return cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def _paint_sockets(canvas, identity, skin):
    for side in (-1, 1):
        centre = (side * identity.eye_spacing, 0.0)
        dark = 0.35 + 3.5 * identity.eye_depth
        canvas.disc(centre, (0.24, 0.14), skin * (0.66, 0.6, 0.6), dark, 0.07)


def _paint_blush(canvas, identity, skin):
    strength = 0.15 + 0.5 * identity.cheek_redness
    for side in (-1, 1):
        canvas.disc(
            (side * 0.55, 0.5), (0.2, 0.15), skin * _BLUSH, strength, softness=0.12
        )
    tip = (0, identity.nose_length)
    canvas.disc(tip, (0.13, 0.1), skin * _BLUSH, strength, softness=0.06)


def _paint_freckles(canvas, identity, rng, skin):
    count = int(110 * identity.freckles)
    places = rng.normal((0, 0.42), (0.42, 0.17), (count, 2))
    sizes = rng.uniform(0.008, 0.018, count)
    for place, size in zip(places, sizes, strict=True):
        canvas.disc(place, size, skin * (0.72, 0.6, 0.52), 0.7, 0.004)


def _paint_lines(canvas, identity, skin):
    """Nasolabial folds, bags under the eyes and forehead lines."""
    age, dark = identity.age_lines, skin * (0.72, 0.66, 0.64)
    fold = np.array([[0.24, 0.62], [0.36, 0.76], [0.45, 0.95], [0.46, 1.08]])
    fold[:, 1] *= identity.mouth_height / 1.04
    for side in (-1, 1):
        canvas.stroke(mirrored(fold, side), dark, 0.03, 0.15 + 0.6 * age, 0.02)
        bag = ellipse((side * identity.eye_spacing, 0.17), (0.17, 0.035))
        canvas.fill(bag, dark, 0.1 + 0.45 * identity.eye_bags, 0.025)
    reach = np.linspace(-0.42, 0.42, 9)
    for row in range(3):
        wave = np.stack([reach, -0.55 - 0.13 * row - 0.05 * np.cos(4 * reach)], 1)
        canvas.stroke(wave, dark, 0.02, max(0.0, 0.9 * age - 0.35), 0.012)


def _paint_nose(canvas, identity, skin):
    """Nostrils, wings, the shade under the tip and the light along the ridge."""
    tip, wide = identity.nose_length, identity.nose_width
    canvas.fill(ellipse((0, tip + 0.13), (wide * 0.8, 0.03)), skin * 0.5, 0.75, 0.03)
    canvas.stroke([[0, 0.12], [0, tip - 0.1]], skin * 1.12, 0.07, 0.35, 0.03)
    canvas.disc((0, tip - 0.02), (0.07, 0.05), skin * 1.15, 0.4, 0.03)
    size = identity.nostril_size
    for side in (-1, 1):
        wing = [[0.92, -0.05], [1.06, 0.03], [1.02, 0.10], [0.8, 0.13]]
        wing = np.array(wing) * (wide, 1.0) + (0, tip)
        canvas.stroke(mirrored(wing, side), skin * 0.5, 0.022, 0.6, 0.012)
        hole = ellipse((side * wide * 0.45, tip + 0.095), (wide * 0.27, 0.032 * size))
        canvas.fill(hole, skin * (0.22, 0.16, 0.15), 0.85, 0.012)
        flank = ellipse((side * 0.15, tip * 0.45), (0.045, 0.2))
        canvas.fill(flank, skin * 0.74, 0.3, 0.04)


def _paint_beard(canvas, identity, rng):
    """Stubble, moustache, goatee or beard in the colour of the brows."""
    style = identity.facial_hair
    if style == "none":
        return
    ticks_y = (np.arange(HEIGHT) + 0.5) / PIXELS_PER_UNIT + TOP
    ticks_x = (np.arange(WIDTH) + 0.5) / PIXELS_PER_UNIT + LEFT
    x, y = np.meshgrid(ticks_x, ticks_y)
    mouth = identity.mouth_height
    lip = np.exp(-(((x / 0.36) ** 2 + ((y - mouth + 0.17) / 0.075) ** 2) ** 2))
    chin = np.exp(-(((x / 0.3) ** 2 + ((y - mouth - 0.42) / 0.24) ** 2) ** 2))
    jaw_line = mouth - 0.12 + 0.35 * np.cos(np.clip(np.abs(x) * 2.2, 0, np.pi))
    jaw = 1 / (1 + np.exp(-(y - jaw_line + 0.25 * (np.abs(x) > 0.55)) / 0.05))
    parts = {
        "moustache": lip,
        "goatee": np.maximum(lip, chin),
        "stubble": np.maximum(jaw, lip),
        "beard": np.maximum(jaw, lip),
    }
    grain = np.clip(0.8 + 0.25 * rng.standard_normal((HEIGHT, WIDTH)), 0, 1)
    strength = 0.3 if style == "stubble" else 0.85
    mask = cv2.GaussianBlur((parts[style] * grain).astype(np.float32), (0, 0), 0.8)
    mask = (strength * mask)[..., None]
    skin = canvas.pixels.astype(np.float32)
    skin += (np.float32(identity.brow_colour) - skin) * mask
    canvas.pixels[...] = skin
