"""Render one photo of a synthetic person."""

from dataclasses import dataclass

import cv2
import numpy as np

import tf_sphereface.data.synthetic.canvas as front_plane
from tf_sphereface.data.synthetic.capture import Capture
from tf_sphereface.data.synthetic.features import face_texture, front_landmarks
from tf_sphereface.data.synthetic.hair import haired_head, hanging_outline
from tf_sphereface.data.synthetic.head_surface import Rays, neutral_head, rotation
from tf_sphereface.data.synthetic.identity import FaceIdentity
from tf_sphereface.data.synthetic.scene import (
    background,
    muted_colour,
    paint_body,
    paint_polygon,
)


@dataclass(frozen=True)
class SyntheticPhoto:
    """A rendered photo with its ground truth.

    Args:
        image: uint8 (size, size, 3), RGB 0..255, before JPEG compression.
        landmarks: Float64 (5, 2), x,y pixels, 0-based: image-left eye, image-right
            eye, nose tip, image-left and image-right mouth corner.
        yaw, pitch, roll: Degrees, signs as in `Capture`.
    """

    image: np.ndarray
    landmarks: np.ndarray
    yaw: float
    pitch: float
    roll: float


class Camera:
    """Perspective view of the head: camera frame x right, y down, z to the viewer."""

    def __init__(self, capture: Capture, size: int):
        self.turn = rotation(capture.yaw, capture.pitch, capture.roll)
        self.unit = capture.scale * size / 250
        self.distance = capture.camera_distance
        self.centre = (
            (0.5 + np.array(capture.offset)) * size - 0.5 - (0, 0.22 * self.unit)
        )

    def project(self, points) -> np.ndarray:
        """Head frame (n, 3), head units, to pixels (n, 2)."""
        x, y, z = (np.asarray(points) @ self.turn.T).T
        flat = np.stack([x, y], axis=1) / (1 - z / self.distance)[:, None]
        return self.centre + flat * self.unit

    def rays(self, semi_axes, columns, rows):
        """Rays of the pixel grid rows x columns."""
        x = (columns - self.centre[0]) / self.unit
        y = (rows - self.centre[1]) / self.unit
        pull = 1 / self.distance
        return Rays.make(semi_axes, x[None, :], y[:, None], self.turn, pull)


def render_photo(
    identity: FaceIdentity, capture: Capture, size: int = 250
) -> SyntheticPhoto:
    """Photo of a person: 3-D head, pose, light, scene, camera.

    Args:
        identity: Who.
        capture: How.
        size: Width and height in pixels, at least 64.

    Raises: ValueError if `size` is too small.
    """
    if size < 64:
        raise ValueError(f"`size` must be at least 64 pixels. Received: size={size!r}")
    rng = np.random.default_rng(capture.scene_seed)
    camera = Camera(capture, size)
    image = background(rng, size)
    light = _scene_light(capture)
    _paint_behind(image, rng, identity, capture, camera, light)
    _paint_head(image, identity, capture, camera)
    _paint_glasses(image, rng, identity, capture, camera)
    surface, _ = neutral_head(identity)
    landmarks = camera.project(surface.lift(front_landmarks(identity, capture)))
    image = _develop(image, rng, capture, _metered_gain(identity))
    return SyntheticPhoto(image, landmarks, capture.yaw, capture.pitch, capture.roll)


def _light_direction(capture):
    azimuth, rise = np.radians([capture.light_azimuth, capture.light_elevation])
    return np.array(
        [np.sin(azimuth) * np.cos(rise), -np.sin(rise), np.cos(azimuth) * np.cos(rise)]
    )


def _scene_light(capture):
    """Gain of a surface that faces the camera, float64 (3,)."""
    facing = max(0.0, _light_direction(capture)[2]) * capture.light_strength
    return np.sqrt(capture.ambient + facing) * np.array(capture.light_colour)


def _paint_behind(image, rng, identity, capture, camera, light):
    outline = hanging_outline(identity)
    if outline is not None:
        hair = np.array(identity.hair_colour) * light * 0.6
        paint_polygon(image, camera.project(outline), hair)
    chin_y = 1.55 * identity.head_height * (1 + 0.8 * identity.chin_length)
    chin = camera.project([[0.0, chin_y, 0.1]])[0]
    clothes = muted_colour(rng, 10, 230)
    paint_body(image, clothes, identity, capture, chin, light)
    for side in (-1, 1):
        _paint_ear(image, identity, camera, light, side)


def _paint_ear(image, identity, camera, light, side):
    if identity.hair_style in ("bob", "long"):
        return
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    skin = np.array(identity.skin_colour) * light
    for size, gain in ((1.0, 0.72), (0.6, 0.5)):
        tall, wide = 0.3 * size * identity.ear_size, 0.17 * size * identity.ear_size
        rim = np.stack(
            [
                side * (identity.head_width * 0.95 + 0.08 + 0.7 * wide * np.cos(turn)),
                0.2 + tall * np.sin(turn) * (1 + 0.2 * np.cos(turn)),
                -0.12 - wide * np.cos(turn),
            ],
            axis=1,
        )
        paint_polygon(image, camera.project(rim), skin * gain)


def _paint_head(image, identity, capture, camera):
    """March the rays of the head's window, shade and blend into the image."""
    surface, hair = haired_head(identity)
    low = np.floor(camera.centre - np.array([1.4, 1.95]) * camera.unit)
    high = np.ceil(camera.centre + np.array([1.4, 2.15]) * camera.unit)
    low, high = np.clip([low, high], 0, image.shape[0]).astype(int)
    columns, rows = np.arange(low[0], high[0]), np.arange(low[1], high[1])
    depth, cover = _trace_window(surface, camera, columns, rows)
    rays = camera.rays(surface.semi_axes, columns, rows)
    colour = _albedo(surface, hair, identity, capture, rays.at(depth))
    colour *= _shading(depth, capture, camera)
    window = image[low[1] : high[1], low[0] : high[0]]
    blend = window + (colour - window) * cover[..., None]
    window[...] = np.clip(blend, 0, 255).astype(np.uint8)


def _trace_window(surface, camera, columns, rows):
    """Depth and coverage 0..1 of a pixel window, marched from coarse to fine."""
    depth = np.full((len(rows[::4]), len(columns[::4])), 2.0, np.float32)
    for stride, steps in ((4, 10), (2, 4), (1, 2)):
        shape = (len(columns[::stride]), len(rows[::stride]))
        depth = cv2.resize(depth, shape, interpolation=cv2.INTER_LINEAR)
        rays = camera.rays(surface.semi_axes, columns[::stride], rows[::stride])
        depth, gap = surface.trace(rays, steps, depth)
    cover = np.clip(1.2 - gap * (0.8 * camera.unit), 0, 1)
    # A ray may end early behind the nose or a fringe; an outline has no thin holes.
    reach = 2 * round(0.08 * camera.unit) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return depth, cv2.morphologyEx(cover, cv2.MORPH_CLOSE, kernel)


def _albedo(surface, hair_chart, identity, capture, place):
    """Colour of semi-axis points (x, y, z) in flat light, float32 (h, w, 3)."""
    x, y, z = place
    texture = face_texture(identity, capture)
    across, down, _ = surface.place(x, y, z)
    columns, rows = front_plane.to_columns(across), front_plane.to_rows(down)
    colour = cv2.remap(
        texture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    hair = surface.sample(hair_chart, x, y, z + np.sqrt(x * x + y * y + z * z))
    cover = hair[..., 0]
    colour *= (1 - cover)[..., None]
    colour += (cover * hair[..., 1])[..., None] * np.float32(identity.hair_colour)
    return colour


def _shading(depth, capture, camera):
    """Ambient and wrapped Lambert light from the depth's slope, float32 (h, w, 3)."""
    smooth = cv2.GaussianBlur(depth, (0, 0), 0.7)
    zoom = np.float32(camera.unit / 8)
    slope_x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0) * zoom
    slope_y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1) * zoom
    light = _light_direction(capture).astype(np.float32)
    facing = light[2] - light[0] * slope_x - light[1] * slope_y
    facing /= np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    diffuse = np.maximum((facing + 0.25) / 1.25, 0)
    glow = capture.ambient + capture.light_strength * diffuse
    return np.sqrt(glow)[..., None] * np.float32(capture.light_colour)


def _paint_glasses(image, rng, identity, capture, camera):
    if capture.glasses == "none":
        return
    colour = rng.uniform(10, 90, 3).tolist()
    width = 1 if capture.glasses == "thin" else 3
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    power = rng.uniform(0.5, 1.0)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    ring = np.sign(ring) * np.abs(ring) ** power * (0.34, 0.25)
    lines = []
    for side in (-1, 1):
        x = side * 0.46 + ring[:, 0]
        rim = np.stack([x, 0.05 + ring[:, 1], 1.22 - 0.25 * x * x], axis=1)
        temple = [[side * 0.79, 0.0, 1.05], [side * 1.03, 0.05, -0.1]]
        lines += [np.concatenate([rim, rim[:1]]), np.array(temple)]
    lines.append(np.array([[-0.12, 0.0, 1.22], [0.0, -0.05, 1.26], [0.12, 0.0, 1.22]]))
    fixed = [np.round(camera.project(line) * 16).astype(np.int32) for line in lines]
    cv2.polylines(image, fixed, False, colour, width, cv2.LINE_AA, 4)


def _metered_gain(identity):
    """Gain of a camera that half compensates the lightness of the face."""
    lightness = np.dot(identity.skin_colour, (0.3, 0.59, 0.11))
    return (140 / lightness) ** 0.4


def _develop(image, rng, capture, gain):
    """Defocus, tone curve and sensor noise."""
    if capture.blur > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), capture.blur * image.shape[0] / 250)
    levels = np.linspace(0, 1, 256) ** capture.gamma * capture.exposure * gain
    levels /= (1 + levels**5) ** 0.2  # the shoulder of a film: no hard clipping
    image = cv2.LUT(image, np.rint(np.minimum(255 * levels, 255)).astype(np.uint8))
    grain = np.frombuffer(rng.bytes(image.size), np.uint8).reshape(image.shape)
    grain = cv2.LUT(grain, _noise_table(capture.noise))
    return cv2.addWeighted(image, 1.0, grain, 1.0, -128.0)


def _noise_table(sigma):
    """128 + Gaussian noise as a table over a uniform byte, uint8 (256,)."""
    middle = (np.arange(256) + 0.5) / 256
    # Tukey's lambda distribution with this exponent is a near-normal quantile.
    quantile = (middle**0.135 - (1 - middle) ** 0.135) / 0.1975
    return np.clip(np.rint(128 + sigma * quantile), 0, 255).astype(np.uint8)
