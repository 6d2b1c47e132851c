"""The one face warp: landmark templates, least-squares similarity, crop.

Training, evaluation, the exported bundle and the demos all align faces here. A crop
made in any other way costs 2 to 14 points of accuracy.
"""

import dataclasses

import numpy as np

CROP_HEIGHT, CROP_WIDTH = 112, 96

# The five-point template of SphereFace in the 112 x 96 crop. The published numbers are
# MATLAB's, whose first pixel is 1; OpenCV's first pixel is 0.
_TEMPLATE_ONE_BASED = (
    (30.2946, 51.6963),  # the eye on the left of the picture
    (65.5318, 51.5014),  # the eye on the right
    (48.0252, 71.7366),  # nose tip
    (33.5493, 92.3655),  # mouth corner on the left
    (62.7299, 92.2041),  # mouth corner on the right
)
LANDMARK_TEMPLATE = np.array(_TEMPLATE_ONE_BASED) - 1.0
LANDMARK_TEMPLATE.setflags(write=False)

_INSIGHTFACE_SIDE = 112
_NORM_CROP_MARGIN = 8.0  # columns on the left of its crop of 128
TEMPLATES = ("scaled", "norm_crop")
FITS = ("crop", "photo")
LARGEST_CROP = 1024  # pixels of a side; a number above it is a mistake, or an attack


def _check_size(height, width):
    for side in (height, width):
        whole = isinstance(side, int) and not isinstance(side, bool)
        if not (whole and 1 <= side <= LARGEST_CROP):
            raise ValueError(
                f"`height` and `width` must be integers from 1 to {LARGEST_CROP}. "
                f"Received: height={height!r}, width={width!r}"
            )


def landmark_template(height: int, width: int, rule: str = "scaled") -> np.ndarray:
    """Positions of the landmarks in a crop of this size.

    112 x 96 has SphereFace's template. Square crops have InsightFace's, which is the
    same face eight columns further right, with the published numbers taken for such
    that count from 0, as its networks were trained; other sides than 112 scale it.
    Any other size has SphereFace's, scaled by height / 112 and centred between left
    and right. Scaling is about the pixels' edges: x + 0.5 is what is multiplied.

    InsightFace's own function `norm_crop` has another rule for larger squares: it
    scales about the first pixel, and a side of a multiple of 128 is one of 112 with
    columns on both sides and rows below the face. In 128 x 128 the landmarks are up
    to 13 pixels apart, in 256 x 256 up to 27, in 224 x 224 half a pixel.

    Args:
        height: Rows of the crop, pixels.
        width: Columns of the crop, pixels.
        rule: "scaled", as above, or "norm_crop".

    Returns: Float64 (5, 2), x,y pixels, the first pixel at 0; read-only.
    Raises: ValueError if a side is no integer from 1 to 1024, a landmark would lie
        outside the crop, or the rule is unknown or has no such crop.
    """
    _check_size(height, width)
    if rule not in TEMPLATES:
        raise ValueError(f"`rule` must be one of {TEMPLATES}. Received: rule={rule!r}")
    if rule == "norm_crop":
        return _norm_crop_template(height, width)
    template, side = LANDMARK_TEMPLATE, CROP_WIDTH
    if height == width:
        template, side = np.array(_TEMPLATE_ONE_BASED) + (8.0, 0.0), _INSIGHTFACE_SIDE
    scale = height / CROP_HEIGHT
    # s (x + 0.5) - 0.5 in a form that leaves the template as it is where s is 1.
    scaled = scale * template + (scale - 1) / 2
    scaled[:, 0] += (width - scale * side) / 2
    if scaled.min() < 0 or (scaled >= (width, height)).any():
        raise ValueError(
            "`height` and `width` must leave room for the face. "
            f"Received: height={height!r}, width={width!r}"
        )
    scaled.setflags(write=False)
    return scaled


def _norm_crop_template(height, width):
    scales = {side: height / side for side in (112, 128) if height % side == 0}
    if height != width or not scales:
        raise ValueError(
            "InsightFace's norm_crop has squares with a side of a multiple of 112 or "
            f"128 only. Received: height={height!r}, width={width!r}"
        )
    side, scale = next(iter(scales.items()))
    points = np.array(_TEMPLATE_ONE_BASED) + (8.0, 0.0)
    points = scale * (points + (_NORM_CROP_MARGIN * (side == 128), 0.0))
    points.setflags(write=False)
    return points


@dataclasses.dataclass(frozen=True)
class CropGeometry:
    """The size of crops, where the landmarks lie in them, and how they are fitted.

    Five landmarks never lie on the template exactly. The similarity that leaves the
    least squares may be fitted in the crop or in the photo: a face that is turned away
    is larger in a crop that was fitted in the photo.

    Args:
        height: Rows, pixels.
        width: Columns, pixels.
        template: Five x,y pixels, the first pixel at 0; None is `landmark_template` of
            the size.
        fit: "crop", Umeyama's, or "photo", as MATLAB's `cp2tform` has it, which aligned
            the faces of the SphereFace release.

    Raises: ValueError as `landmark_template`, if `template` is no such points, or if
        `fit` is unknown.
    """

    height: int = CROP_HEIGHT
    width: int = CROP_WIDTH
    template: tuple[tuple[float, float], ...] | None = None
    fit: str = "crop"

    def __post_init__(self):
        _check_size(self.height, self.width)
        points = self.template
        if points is None:
            points = landmark_template(self.height, self.width)
        points = np.asarray(points, np.float64)
        if points.shape != (5, 2) or not np.isfinite(points).all():
            raise ValueError(
                "`template` must be five finite x,y pixels. "
                f"Received: template={self.template!r}"
            )
        object.__setattr__(self, "template", tuple(map(tuple, points.tolist())))
        if self.fit not in FITS:
            raise ValueError(f"`fit` must be one of {FITS}. Received: fit={self.fit!r}")

    @property
    def kind(self) -> dict:
        """Template and fit by their names, as JSON has them."""
        return {"template": [list(point) for point in self.template], "fit": self.fit}

    def __str__(self):
        fitted = "" if self.fit == "crop" else f", fitted in the {self.fit}"
        return f"{self.height} x {self.width}{fitted}"


DEFAULT_CROP = CropGeometry()


def similarity_transform(source, target):
    """Least-squares similarity (rotation, one scale, translation) between point sets.

    Minimises sum |s R p_i + t - q_i|^2 over rotations R without reflection.

    Args:
        source: Float (points, 2), x,y pixels.
        target: Float (points, 2), x,y pixels.

    Returns: Float64 (2, 3) matrix [s R | t] that maps source onto target.
    Raises: ValueError if the shapes differ, a coordinate is not finite, or all source
        points coincide.
    Reference: Umeyama, 1991, https://doi.org/10.1109/34.88573.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise ValueError(
            "`source` and `target` must both be (points, 2). "
            f"Received: source={source.shape}, target={target.shape}"
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise ValueError("`source` and `target` must be finite.")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    source_centred, target_centred = source - source_mean, target - target_mean
    variance = np.square(source_centred).sum()
    if variance < 1e-12:
        raise ValueError("`source` must have at least two distinct points.")
    u, singular_values, vt = np.linalg.svd(target_centred.T @ source_centred)
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = (u * signs) @ vt
    scale = (singular_values * signs).sum() / variance
    linear = scale * rotation
    return np.column_stack([linear, target_mean - linear @ source_mean])


def crop_transform(landmarks, crop):
    """The similarity that maps a face onto the crop's template, by the crop's fit.

    Args:
        landmarks: Float (5, 2), x,y pixels of the photo.
        crop: A `CropGeometry`.

    Returns: Float64 (2, 3) matrix from the photo to the crop.
    Raises: ValueError as `similarity_transform`, or if no similarity fits the template
        to the landmarks.
    """
    if crop.fit == "crop":
        return similarity_transform(landmarks, crop.template)
    matrix = similarity_transform(crop.template, landmarks)
    if np.linalg.det(matrix[:, :2]) < 1e-12:
        raise ValueError("`landmarks` must be distinct points that look like a face.")
    inverse = np.linalg.inv(matrix[:, :2])
    return np.column_stack([inverse, -inverse @ matrix[:, 2]])


def fit_similarities(
    landmarks: np.ndarray, template: np.ndarray, fit: str = "crop"
) -> tuple[np.ndarray, np.ndarray]:
    """`crop_transform` of many faces at once.

    With points as complex numbers a similarity is q = a p + b, and the least-squares
    a is sum(conj(p) q) / sum |p|^2 of the centred points; fitted in the photo it is
    sum |q|^2 / sum(conj(q) p).

    Args:
        landmarks: Float64 (n, 5, 2), x,y pixels of the photos.
        template: Float64 (5, 2), x,y pixels of the crop.
        fit: As in `CropGeometry`.

    Returns: a, complex (n,), whose modulus is the scale and whose argument the turn;
        and the warped landmarks, float64 (n, 5, 2).
    """
    points = landmarks[..., 0] + 1j * landmarks[..., 1]
    target = template[:, 0] + 1j * template[:, 1]
    centred = points - points.mean(axis=1, keepdims=True)
    aim = target - target.mean()
    products = (np.conj(centred) * aim).sum(axis=1)
    if fit == "photo":
        turns = np.square(np.abs(aim)).sum() / np.conj(products)
    else:
        variance = np.square(np.abs(centred)).sum(axis=1)
        turns = products / np.maximum(variance, 1e-12)
    warped = turns[:, None] * centred + target.mean()
    return turns, np.stack([warped.real, warped.imag], axis=2)


def align_face(image, landmarks, crop=DEFAULT_CROP):
    """Crops the face so that its landmarks lie on the template.

    Args:
        image: uint8 (image_height, image_width, 3).
        landmarks: Float (5, 2), x,y pixels with the first pixel at 0: the eyes, the
            nose tip and the mouth corners, each pair from left to right in the picture.
        crop: Size, template and fit of the crop.

    Returns: uint8 (height, width, 3), bilinear; black outside the photo.
    Raises: ValueError as `crop_transform`.
    """
    import cv2  # not for those who only want the crop's size, as the backbones do

    matrix = crop_transform(landmarks, crop)
    size = crop.width, crop.height
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
