"""Moving features of a face: eyes, brows and mouth, painted for one expression."""

import numpy as np

from tf_sphereface.data.synthetic.canvas import FaceCanvas, ellipse, mirrored
from tf_sphereface.data.synthetic.capture import Capture
from tf_sphereface.data.synthetic.complexion import skin_layer
from tf_sphereface.data.synthetic.identity import FaceIdentity

_LOWER_LID = 0.72  # depth of the lower lid, relative to the height of the upper
_SCLERA = np.array([214, 206, 202], np.float32)
_LIP_TINT = np.array([0.92, 0.5, 0.52], np.float32)
_TEETH = np.array([232, 226, 214], np.float32)
_MOUTH_INSIDE = np.array([58, 20, 22], np.float32)


def face_texture(identity: FaceIdentity, capture: Capture) -> np.ndarray:
    """Front view of the face in flat light, uint8 (HEIGHT, WIDTH, 3), sRGB."""
    canvas = FaceCanvas(skin_layer(identity).copy())
    for side in (-1, 1):
        _paint_eye(canvas, identity, capture, side)
        _paint_brow(canvas, identity, capture, side)
    _paint_mouth(canvas, identity, capture)
    return canvas.pixels


def front_landmarks(identity: FaceIdentity, capture: Capture) -> np.ndarray:
    """Five landmarks in the head's front view, float64 (5, 2), head units.

    Image-left eye, image-right eye (middle of the open slit), nose tip, mouth corners.
    """
    eye, corner = identity.eye_spacing, mouth_corner(identity, capture)
    return np.array(
        [
            [-eye, slit_middle(identity)],
            [eye, slit_middle(identity)],
            [0.0, identity.nose_length],
            [-corner[0], corner[1]],
            [corner[0], corner[1]],
        ]
    )


def slit_middle(identity: FaceIdentity) -> float:
    """Height of the middle of the open eye slit, head units."""
    return -0.5 * (1 - _LOWER_LID) * identity.eye_height


def mouth_corner(identity: FaceIdentity, capture: Capture) -> tuple[float, float]:
    """Image-right corner of the mouth, head units."""
    x = identity.mouth_width * (1 + 0.1 * capture.smile - 0.06 * capture.mouth_opening)
    lift = identity.mouth_curve + 0.06 * capture.smile
    return x, identity.mouth_height - lift + 0.03 * capture.mouth_opening


def _lids(identity, capture):
    """Upper and lower lid of the image-right eye, (9, 2) each, about the eye centre."""
    along = np.linspace(-1, 1, 9)
    fullness = 1.6 + 1.4 * identity.eye_roundness
    arch = 1 - np.abs(along) ** fullness
    opening = 1 - 0.85 * capture.eye_closure
    squint = 1 - 0.25 * max(capture.smile, 0.0)
    wide = 1 + 0.1 * capture.brow_raise
    lift = identity.eye_height * arch * (1 + 0.12 * along)
    x = identity.eye_width * along
    slope = -np.tan(np.radians(identity.eye_tilt)) * x
    upper = np.stack([x, slope - lift * opening * wide], axis=1)
    lower = np.stack([x, slope + _LOWER_LID * lift * squint], axis=1)
    return upper, lower


def _paint_eye(canvas, identity, capture, side):
    skin = np.array(identity.skin_colour, np.float32)
    centre = np.array([side * identity.eye_spacing, 0.0])
    upper, lower = (mirrored(lid, side) + centre for lid in _lids(identity, capture))
    slit = np.concatenate([upper, lower[::-1]])
    eyeball = canvas.window(centre, 0.32)
    eyeball.fill(slit, _SCLERA)
    _paint_iris(eyeball, identity, capture, centre)
    canvas.paste(eyeball, slit)
    lash = skin * 0.12
    weight = identity.lash_weight
    canvas.stroke(upper + (0, 0.02), skin * 0.4, 0.03, 0.35, 0.012)
    canvas.stroke(upper, lash, 0.012 + 0.022 * weight)
    canvas.stroke(lower, skin * 0.45, 0.012, 0.3 + 0.3 * weight, 0.008)
    crease = upper[1:-1] - (0, 0.055)
    canvas.stroke(crease, skin * 0.5, 0.014, 0.15 + 0.7 * identity.lid_crease, 0.01)


def _paint_iris(eyeball, identity, capture, centre):
    """Iris, pupil and highlight of a whole eye, before the lids cover it."""
    radius = identity.iris_radius
    middle = centre + np.array(capture.gaze) * identity.eye_width
    middle[1] += slit_middle(identity)
    iris = np.array(identity.eye_colour, np.float32)
    eyeball.disc(middle, radius, iris * 0.42)
    eyeball.disc(middle, radius * 0.82, iris)
    eyeball.disc(middle + (0, 0.3 * radius), radius * 0.4, iris * 1.2)
    eyeball.disc(middle, radius * 0.42, (12, 10, 10))
    light = np.sin(np.radians(capture.light_azimuth))
    glint = middle + radius * np.array([0.45 * light, -0.45])
    eyeball.disc(glint, 0.014, (250, 250, 250))


def _paint_brow(canvas, identity, capture, side):
    along = np.linspace(0, 1, 9)
    start = identity.eye_spacing - 0.24 + identity.brow_inner
    x = start + (identity.brow_length + 0.2) * along
    base = -identity.brow_height - 0.06 * capture.brow_raise
    frown = 0.05 * min(capture.brow_raise, 0.0) * (1 - along) ** 2
    arch = identity.brow_arch * np.sin(np.pi * np.clip(along * 0.85, 0, 1))
    y = base - arch - identity.brow_slope * (along - 0.4) - frown
    half = identity.brow_thickness * (
        0.35 + 0.65 * np.sin(np.pi * (0.25 + 0.7 * along))
    )
    top, bottom = np.stack([x, y - half * 0.6], 1), np.stack([x, y + half * 0.6], 1)
    outline = mirrored(np.concatenate([top, bottom[::-1]]), side)
    canvas.fill(outline, identity.brow_colour, identity.brow_density, 0.014)
    dark = np.array(identity.brow_colour) * 0.8
    hairs = np.stack([bottom[:-1:2], top[1::2]], axis=1)
    canvas.stroke(mirrored(hairs, side), dark, 0.01)


def _paint_mouth(canvas, identity, capture):
    skin = np.array(identity.skin_colour, np.float32)
    red = skin * (1 + identity.lip_redness * (_LIP_TINT - 1))
    corner_x, corner_y = mouth_corner(identity, capture)
    along = np.linspace(-1, 1, 17)
    arch = 1 - np.abs(along) ** 2
    x = corner_x * along
    seam = corner_y + (identity.mouth_height - corner_y) * 0.9 * arch
    gap = 0.16 * capture.mouth_opening * arch
    bow = identity.cupid_bow * 0.5 * np.exp(-((along / 0.13) ** 2))
    taper = (1 - np.abs(along) ** 2.2) * (1 - bow)
    plump = 1 - 0.2 * max(capture.smile, 0.0)
    top = seam - gap * 0.25 - identity.upper_lip * taper * plump
    bottom = seam + gap + identity.lower_lip * (1 - np.abs(along) ** 2.6) * plump
    upper_edge, lower_edge = seam - gap * 0.25, seam + gap
    canvas.fill(
        ellipse((0, bottom[8] + 0.05), (corner_x * 0.5, 0.025)), skin * 0.6, 0.5, 0.03
    )
    band = _band(x, top, upper_edge)
    canvas.fill(band, red * 0.84, 0.9, 0.008)
    canvas.fill(_band(x, lower_edge, bottom), red, 0.9, 0.01)
    shine = ellipse((0, (lower_edge[8] + bottom[8]) / 2), (corner_x * 0.4, 0.015))
    canvas.fill(shine, red * 1.2 + 12, 0.5, 0.015)
    if capture.mouth_opening > 0.05:
        canvas.fill(_band(x, upper_edge, lower_edge), _MOUTH_INSIDE)
        teeth = np.minimum(upper_edge + 0.07, lower_edge)
        canvas.fill(_band(x * 0.85, upper_edge, teeth), _TEETH)
    line = np.stack([x, upper_edge], axis=1)
    canvas.stroke(line, red * 0.25, 0.02, 0.9, 0.006)
    for side in (-1, 1):
        canvas.disc(
            (side * corner_x, corner_y), (0.032, 0.022), skin * 0.3, 0.85, 0.012
        )


def _band(x, top, bottom):
    upper, lower = np.stack([x, top], axis=1), np.stack([x, bottom], axis=1)
    return np.concatenate([upper, lower[::-1]])
