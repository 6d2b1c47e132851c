"""The 3-D head: a star-shaped surface and its perspective view by ray marching.

In coordinates divided by the head's semi-axes the surface is |q| = radius(q / |q|).
The radius is stored on the stereographic chart (u, v) = (x, y) / (1 + z) of the unit
sphere: smooth and conformal over the face, singular only at the back of the head.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from tf_sphereface.data.synthetic.identity import FaceIdentity

CHART_SIZE = 208
CHART_EXTENT = 1.6  # the chart covers u and v in -1.6..1.6: 116 degrees from the front
_CENTRE_Y = 0.05
_FRONT_Z = 2.0


@dataclass(frozen=True)
class HeadSurface:
    """Radius chart of one head.

    Args:
        semi_axes: Float (3,), head units.
        radius: Float32 (CHART_SIZE, CHART_SIZE), relative to the semi-axes.
    """

    semi_axes: np.ndarray
    radius: np.ndarray

    def trace(self, rays, steps, depth, step_size=0.75):
        """March rays from the front to the surface.

        Args:
            rays: `Rays` of any shape (h, w).
            steps: Number of steps.
            depth: Float32 (h, w), camera depth at which each ray starts, head units.
            step_size: Fraction of the radial gap covered by one step.

        Returns: (depth, gap), float32 (h, w): where each ray ended, and the smallest
            radial gap that it met (about 0 for a hit).
        """
        gap = np.full(depth.shape, np.inf, np.float32)
        stride = np.float32(step_size * self.semi_axes[2])
        for _ in range(steps):
            x, y, z = rays.at(depth)
            length = np.sqrt(x * x + y * y + z * z)
            z += length
            length -= self.sample(self.radius, x, y, z)
            np.minimum(gap, length, out=gap)
            length *= stride
            depth = depth - length
        return depth, gap

    def sample(self, chart, x, y, z_plus_length):
        """Chart value in the direction of semi-axis coordinates (x, y, z)."""
        half = CHART_SIZE / 2
        zoom = np.float32(half / CHART_EXTENT) / np.maximum(z_plus_length, 1e-3)
        shift = np.float32(half - 0.5)
        columns, rows = x * zoom, y * zoom
        columns += shift
        rows += shift
        return cv2.remap(
            chart, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def lift(self, points):
        """Depth of front-view points: float (n, 2) -> float (n, 3) on the surface."""
        flat = np.asarray(points, np.float64)
        x, y = flat[None, :, 0], flat[None, :, 1]
        rays = Rays.make(self.semi_axes, x, y, np.eye(3), 0.0)
        start = np.full(x.shape, _FRONT_Z, np.float32)
        depth, _ = self.trace(rays, 14, start)
        return np.column_stack([flat, depth[0]])

    def place(self, x, y, z):
        """Semi-axis coordinates to head units."""
        wide, tall, deep = self.semi_axes.astype(np.float32)
        return x * wide, y * tall + np.float32(_CENTRE_Y), z * deep


@dataclass(frozen=True)
class Rays:
    """Rays (1 - depth / distance) * origin + depth * axis, in semi-axis coordinates.

    Args:
        origin: Three float32 (h, w): x, y, z where the depth is 0.
        axis: Three numbers, head direction of the camera's z.
        shift: Head centre over its semi-axis, along y.
        pull: 1 / camera distance, 0 for parallel rays.
    """

    origin: tuple[np.ndarray, np.ndarray, np.ndarray]
    axis: tuple[np.float32, np.float32, np.float32]
    shift: np.float32
    pull: np.float32

    @classmethod
    def make(cls, semi_axes, x, y, turn, pull):
        """Rays through camera points (x, y), head units, of a head turned by `turn`."""
        x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
        to_head = (turn.T / semi_axes[:, None]).astype(np.float32)
        origin = tuple(row[0] * x + row[1] * y for row in to_head)
        shift = np.float32(_CENTRE_Y / semi_axes[1])
        return cls(origin, tuple(to_head[:, 2]), shift, np.float32(pull))

    def at(self, depth):
        """Coordinates x, y, z of the points at a depth."""
        spread = 1 - self.pull * depth
        x, y, z = (start * spread for start in self.origin)
        for value, slope in zip((x, y, z), self.axis, strict=True):
            value += depth * slope
        y -= self.shift
        return x, y, z


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Head frame to camera frame, float64 (3, 3); degrees, signs as in `Capture`."""
    (cy, cp, cr), (sy, sp, sr) = (
        function(np.radians([yaw, pitch, roll])) for function in (np.cos, np.sin)
    )
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    lean = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return lean @ nod @ turn


@lru_cache(maxsize=1)
def chart_directions() -> np.ndarray:
    """Unit vectors of the chart's cells, float32 (3, CHART_SIZE, CHART_SIZE)."""
    ticks = ((np.arange(CHART_SIZE) + 0.5) / CHART_SIZE * 2 - 1) * CHART_EXTENT
    u, v = np.meshgrid(ticks, ticks)
    square = u * u + v * v
    directions = np.stack([2 * u, 2 * v, 1 - square]) / (1 + square)
    return directions.astype(np.float32)


@lru_cache(maxsize=16)
def neutral_head(identity: FaceIdentity) -> tuple[HeadSurface, np.ndarray]:
    """Bald head of a person, and its chart cells in head units, float32 (3, n, n)."""
    axes = np.array(
        [identity.head_width, 1.55 * identity.head_height, 1.2], dtype=np.float64
    )
    directions = chart_directions()
    base = _skull_radius(identity, directions)
    place = base * directions * axes.astype(np.float32)[:, None, None]
    place[1] += _CENTRE_Y
    radius = base + _face_relief(identity, place[0], place[1], place[2])
    place = radius * directions * axes.astype(np.float32)[:, None, None]
    place[1] += _CENTRE_Y
    return HeadSurface(axes, radius.astype(np.float32)), place


def _skull_radius(identity: FaceIdentity, directions: np.ndarray) -> np.ndarray:
    """Superellipsoid whose lower half narrows to the jaw, solved by bisection."""
    x, y, z = directions[:, ::2, ::2]
    below = 1.0 + identity.chin_length
    power = np.float32(identity.jaw_squareness)
    low, high = np.full_like(x, 0.4), np.full_like(x, 1.7)
    for _ in range(11):
        middle = (low + high) / 2
        down = np.clip((middle * y - 0.15) / 0.8, 0, 1)
        width = 1 - (1 - identity.jaw_width) * down * down * (3 - 2 * down)
        side = (middle * x / width) ** 2 + (middle * z) ** 2
        tall = np.abs(middle * y / np.where(y > 0, below, 1.0))
        inside = side ** (power / 2) + tall**power < 1
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    full = cv2.resize(low, (CHART_SIZE, CHART_SIZE), interpolation=cv2.INTER_LINEAR)
    return cv2.GaussianBlur(full, (0, 0), 1.5)


def _face_relief(identity, x, y, z) -> np.ndarray:
    """Sockets, brow ridge, nose, cheeks, lips and chin: what they add to the radius."""
    side = np.abs(x)
    nose_y, mouth_y = identity.nose_length, identity.mouth_height

    def bump(cx, cy, sx, sy, height):
        across, along = (side - cx) / sx, (y - cy) / sy
        return np.float32(height) * np.exp(-0.5 * (across * across + along * along))

    relief = bump(identity.eye_spacing, 0.0, 0.19, 0.13, -identity.eye_depth)
    relief += bump(identity.eye_spacing, 0.0, 0.12, 0.08, 0.045)
    relief += bump(0.3, -identity.brow_height, 0.3, 0.08, identity.brow_ridge)
    relief += bump(0.58, 0.42, 0.2, 0.16, identity.cheekbone)
    relief += bump(0.55, 0.85, 0.22, 0.25, identity.cheek_fullness)
    relief += bump(0.0, mouth_y, 0.30, 0.22, 0.06)
    relief += bump(0.0, mouth_y - 0.06, 0.22, 0.05, 0.025)
    relief += bump(0.0, mouth_y + 0.08, 0.20, 0.06, 0.035)
    relief += bump(0.0, mouth_y, 0.28, 0.018, -0.03)
    relief += bump(0.0, mouth_y + 0.2, 0.16, 0.05, -0.03)
    chin_y = 1.4 + identity.chin_length
    relief += bump(0.0, chin_y, identity.chin_width, 0.12, identity.chin_projection)
    relief += bump(0.68 * identity.nose_width, nose_y + 0.05, 0.065, 0.065, 0.075)
    relief += _nose_ridge(identity, side, y)
    return relief * np.clip(z / 0.4, 0, 1)


def _nose_ridge(identity, side, y) -> np.ndarray:
    """Nose profile: bridge at the eyes, tip at `nose_length`, quick fall below it."""
    tip = identity.nose_length - 0.01
    along = np.clip((y + 0.12) / (tip + 0.12), 0, 1)
    ridge = identity.nose_bridge + (identity.nose_height - identity.nose_bridge) * (
        along**1.4
    )
    ridge += identity.nose_hump * np.exp(-0.5 * ((along - 0.45) / 0.16) ** 2)
    above = 1 / (1 + np.exp(-(y + 0.1) / 0.045))
    fall = np.exp(-0.5 * (np.maximum(y - tip, 0) / (0.07 + identity.nose_upturn)) ** 2)
    tip_width = 0.42 * identity.nose_width + 0.03
    width = identity.bridge_width + (tip_width - identity.bridge_width) * along**2
    return ridge * above * fall * np.exp(-0.5 * (side / width) ** 2)
