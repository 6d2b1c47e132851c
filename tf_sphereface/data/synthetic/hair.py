"""Hair: where it grows on the head's chart, its strands, and the part that hangs."""

from functools import lru_cache

import cv2
import numpy as np

from tf_sphereface.data.synthetic.head_surface import (
    CHART_SIZE,
    HeadSurface,
    chart_directions,
    neutral_head,
)
from tf_sphereface.data.synthetic.identity import FaceIdentity

_LONG = ("bob", "long")


@lru_cache(maxsize=16)
def haired_head(identity: FaceIdentity) -> tuple[HeadSurface, np.ndarray]:
    """Head with its hair as relief, and the hair chart.

    Returns: (surface, chart), the chart float32 (CHART_SIZE, CHART_SIZE, 2): coverage
        0..1 and strand brightness about 1.
    """
    bald, (x, y, z) = neutral_head(identity)
    rng = np.random.default_rng([identity.grain_seed, 1])
    strands = _strands(identity, rng)
    edge = _edge_distance(identity, x, y, z) + 0.05 * (strands - 1)
    softness = 0.05 if identity.hair_style == "buzz" else 0.025
    cover = 1 / (1 + np.exp(np.clip(-edge / softness, -30, 30)))
    if identity.hair_style == "bald":
        cover *= 0.0
    volume = {"bald": 0.0, "buzz": 0.02, "curly": 1.5}.get(identity.hair_style, 1.0)
    rise = 1 / (1 + np.exp(np.clip(-(edge - 0.08) / 0.07, -30, 30)))
    lift = identity.hair_volume * volume * rise * cover * (0.92 + 0.16 * strands) * 0.8
    surface = HeadSurface(bald.semi_axes, (bald.radius + lift).astype(np.float32))
    cover *= 0.8 if identity.hair_style == "buzz" else 1.0
    return surface, np.dstack([cover, strands]).astype(np.float32)


def _edge_distance(identity, x, y, z):
    """Signed distance into the hair, head units; negative on bare skin."""
    style = identity.hair_style
    across = x - identity.hair_part * (style in ("swept", *_LONG))
    line = identity.hairline + identity.hairline_curve * across * across
    if style in ("swept", "bob", "long"):
        line = line + 0.12 * np.exp(-((across / 0.16) ** 2)) - 0.1
    front = line - y
    side_z, bottom = {"bob": (0.42, 1.2), "long": (0.46, 2.5)}.get(style, (0.18, 0.3))
    side = np.minimum(np.minimum(side_z - z, bottom - y), np.abs(x) - 0.55)
    back = np.minimum(-0.45 - z, 0.9 - y)
    return np.maximum(np.maximum(front, side), back)


def _strands(identity, rng):
    """Strand brightness about 1: streaks away from the parting, or curls."""
    if identity.hair_style in ("curly", "buzz"):
        cells = 44 if identity.hair_style == "curly" else 150
        grain = rng.standard_normal((cells, cells)).astype(np.float32)
        size = (CHART_SIZE, CHART_SIZE)
        return 1 + 0.18 * cv2.resize(grain, size, interpolation=cv2.INTER_CUBIC)
    x, y, _ = chart_directions()
    u, v = x - 0.6 * identity.hair_part, y - 0.4
    angle = (np.arctan2(u, -v) / np.pi + 1) * 99
    streaks = rng.standard_normal((12, 200)).astype(np.float32)
    reach = np.sqrt(u * u + v * v) * 5
    flow = cv2.remap(
        streaks, angle, reach, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return 1 + 0.16 * flow


def hanging_outline(identity: FaceIdentity) -> np.ndarray | None:
    """Outline of hair behind the head, float64 (n, 3) head units, or None."""
    if identity.hair_style not in _LONG:
        return None
    width = identity.head_width * (1.12 + identity.hair_volume)
    bottom = 1.35 if identity.hair_style == "bob" else 2.6
    right = [[0.0, -1.6], [0.7, -1.45], [1.02, -0.8], [1.1, 0.0], [1.12, 0.7]]
    right += [[1.1, bottom - 0.3], [0.85, bottom]]
    right = np.array(right) * (width, 1.0)
    outline = np.concatenate([right, right[::-1] * (-1, 1)])
    for _ in range(2):  # Chaikin's corner cutting
        ahead = np.roll(outline, -1, axis=0)
        cut = np.stack(
            [0.75 * outline + 0.25 * ahead, 0.25 * outline + 0.75 * ahead], 1
        )
        outline = cut.reshape(-1, 2)
    return np.column_stack([outline, np.full(len(outline), -0.35)])
