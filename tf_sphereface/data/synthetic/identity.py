"""Synthetic identity: the parameters that a person keeps in every photo."""

from dataclasses import dataclass

import numpy as np

# sRGB 0..255, from the lightest to the darkest measured human skin.
SKIN_ANCHORS = np.array(
    [
        [247, 222, 202],
        [240, 204, 178],
        [228, 184, 152],
        [208, 160, 124],
        [178, 128, 94],
        [142, 96, 68],
        [104, 68, 48],
        [76, 50, 38],
    ],
    np.float32,
)
HAIR_ANCHORS = np.array(
    [
        [26, 22, 21],
        [44, 32, 26],
        [70, 48, 34],
        [104, 70, 44],
        [150, 106, 62],
        [180, 142, 92],
        [142, 68, 34],
        [128, 126, 124],
        [172, 170, 167],
    ],
    np.float32,
)
EYE_ANCHORS = np.array(
    [
        [48, 30, 20],
        [86, 54, 30],
        [120, 90, 46],
        [96, 116, 70],
        [92, 128, 160],
        [128, 142, 150],
    ],
    np.float32,
)
HAIR_STYLES = ("bald", "buzz", "short", "swept", "curly", "bob", "long")
FACIAL_HAIR = ("none", "stubble", "moustache", "goatee", "beard")

# Lengths are in head units: 1 is half the width of an average head (68 mm).
# The eyes lie at y = 0, y grows downward, z toward the viewer.
PARAMETER_RANGES: dict[str, tuple[float, float]] = {
    "head_width": (0.95, 1.10),
    "head_height": (0.96, 1.06),
    "jaw_width": (0.70, 0.98),
    "jaw_squareness": (2.0, 3.0),
    "chin_length": (-0.12, 0.12),
    "chin_width": (0.13, 0.27),
    "chin_projection": (0.0, 0.13),
    "cheekbone": (0.0, 0.11),
    "cheek_fullness": (-0.07, 0.07),
    "brow_ridge": (0.0, 0.07),
    "eye_spacing": (0.42, 0.50),
    "eye_width": (0.18, 0.25),
    "eye_height": (0.078, 0.128),
    "eye_tilt": (-6.0, 9.0),
    "eye_depth": (0.04, 0.12),
    "eye_roundness": (0.0, 1.0),
    "lid_crease": (0.0, 1.0),
    "lash_weight": (0.6, 1.0),
    "eye_bags": (0.0, 1.0),
    "iris_radius": (0.080, 0.104),
    "brow_height": (0.23, 0.40),
    "brow_thickness": (0.036, 0.104),
    "brow_arch": (-0.01, 0.11),
    "brow_slope": (-0.08, 0.08),
    "brow_length": (0.22, 0.37),
    "brow_inner": (-0.05, 0.09),
    "brow_density": (0.6, 1.0),
    "nose_length": (0.50, 0.63),
    "nose_width": (0.16, 0.31),
    "nose_height": (0.17, 0.31),
    "nose_bridge": (0.02, 0.15),
    "bridge_width": (0.07, 0.14),
    "nose_hump": (-0.05, 0.06),
    "nose_upturn": (-0.04, 0.06),
    "nostril_size": (0.5, 1.2),
    "mouth_height": (0.93, 1.07),
    "mouth_width": (0.335, 0.425),
    "upper_lip": (0.028, 0.095),
    "lower_lip": (0.045, 0.125),
    "cupid_bow": (0.0, 1.0),
    "mouth_curve": (-0.035, 0.035),
    "lip_redness": (0.25, 0.95),
    "cheek_redness": (0.0, 1.0),
    "age_lines": (0.0, 1.0),
    "hairline": (-1.08, -0.74),
    "hairline_curve": (-0.25, 0.35),
    "hair_volume": (0.05, 0.2),
    "hair_part": (-0.5, 0.5),
    "ear_size": (0.8, 1.2),
}


@dataclass(frozen=True)
class FaceIdentity:
    """One synthetic person; frozen and hashable, so renderers may cache by it.

    Lengths are in head units (half the width of an average head, 68 mm), tilt in
    degrees (positive: outer eye corners higher), colours sRGB 0..255, weights 0..1.

    Args:
        shape: One float for each name in `PARAMETER_RANGES`, in that order.
        skin_colour, hair_colour, brow_colour, eye_colour: (red, green, blue).
        hair_style: One of `HAIR_STYLES`.
        facial_hair: One of `FACIAL_HAIR`.
        freckles: Freckle density, 0 (none) to 1.
        marks: Moles as (x, y, radius) in head units.
        grain_seed: Seed of the skin mottling and of the hair strands.
    """

    shape: tuple[float, ...]
    skin_colour: tuple[float, float, float]
    hair_colour: tuple[float, float, float]
    brow_colour: tuple[float, float, float]
    eye_colour: tuple[float, float, float]
    hair_style: str
    facial_hair: str
    freckles: float
    marks: tuple[tuple[float, float, float], ...]
    grain_seed: int

    def __getattr__(self, name: str) -> float:
        try:
            return self.shape[_PARAMETER_INDEX[name]]
        except KeyError:
            raise AttributeError(name) from None


_PARAMETER_INDEX = {name: index for index, name in enumerate(PARAMETER_RANGES)}


def sample_identity(rng: np.random.Generator) -> FaceIdentity:
    """Draw a person: every shape parameter independent and uniform in its range."""
    low, high = np.array(list(PARAMETER_RANGES.values())).T
    shape = tuple(float(value) for value in rng.uniform(low, high))
    depth = (len(SKIN_ANCHORS) - 1) * rng.uniform() ** 1.3
    skin = _between(SKIN_ANCHORS, depth) * (1 + rng.normal(0, 0.015, 3))
    hair = _sample_hair_colour(rng, dark=depth > 3.5)
    styles = rng.choice(HAIR_STYLES, p=[0.06, 0.1, 0.24, 0.2, 0.14, 0.13, 0.13])
    beards = rng.choice(FACIAL_HAIR, p=[0.56, 0.16, 0.1, 0.08, 0.1])
    if styles in ("bob", "long"):
        beards = "none"
    eye_top = 1.2 if depth > 4.5 else len(EYE_ANCHORS) - 1
    return FaceIdentity(
        shape=shape,
        skin_colour=_colour(skin),
        hair_colour=_colour(hair),
        brow_colour=_colour(hair * rng.uniform(0.3, 0.55)),
        eye_colour=_colour(_between(EYE_ANCHORS, rng.uniform(0, eye_top))),
        hair_style=str(styles),
        facial_hair=str(beards),
        freckles=float(max(0.0, rng.uniform(-1.2, 1.0))),
        marks=_sample_marks(rng),
        grain_seed=int(rng.integers(2**31)),
    )


def _between(anchors: np.ndarray, position: float) -> np.ndarray:
    index = min(int(position), len(anchors) - 2)
    return anchors[index] + (position - index) * (anchors[index + 1] - anchors[index])


def _sample_hair_colour(rng: np.random.Generator, dark: bool) -> np.ndarray:
    natural = _between(HAIR_ANCHORS[:6], rng.uniform(0, 1.6 if dark else 5))
    draw = rng.uniform()
    if draw < 0.1:
        return _between(HAIR_ANCHORS[7:], rng.uniform())
    return HAIR_ANCHORS[6] if draw < 0.18 and not dark else natural


def _sample_marks(rng: np.random.Generator) -> tuple[tuple[float, float, float], ...]:
    count = int(rng.integers(0, 6))
    return tuple(
        (
            float(rng.uniform(-0.65, 0.65)),
            float(rng.uniform(-0.6, 1.3)),
            float(rng.uniform(0.014, 0.032)),
        )
        for _ in range(count)
    )


def _colour(rgb: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = np.clip(rgb, 0, 255)
    return float(red), float(green), float(blue)
