"""Inputs of the networks: pyramid levels of a photo and square crops of boxes."""

import cv2
import numpy as np

from tf_sphereface.preprocessing import PixelContract

# The arithmetic of the three networks, whatever the embedding network's own may be.
_PIXELS = PixelContract(channel_order="RGB", mean=127.5, scale=128.0)
_NUMBERS = _PIXELS.normalize(np.arange(256, dtype=np.float32))
# Larger reductions sample a photo too sparsely: 12-megapixel photos become noise.
_LARGEST_REDUCTION = 4
# Grey, which is 0 after `normalize`, for what lies outside the photo.
_OUTSIDE = (127.5, 127.5, 127.5)


def normalize(pixels):
    """(x - 127.5) / 128 as float32 of uint8, the input of all three networks."""
    if not pixels.size:
        return pixels.astype(np.float32)
    # A table is ten times as fast as the arithmetic.
    return cv2.LUT(pixels.reshape(len(pixels), -1), _NUMBERS).reshape(pixels.shape)


def pyramid_levels(height, width, cell, smallest_face, factor):
    """The pyramid levels of a photo, largest first.

    Args:
        height: Rows of the photo, pixels.
        width: Columns of the photo, pixels.
        cell: Side of the window that is laid over each level, pixels.
        smallest_face: Faces of this side, pixels, fill the window on the first level.
        factor: Size of a level as a fraction of the one before, between 0 and 1.

    Returns: List of ((height, width), (x, y)): the level's size in pixels, and its
        scales, level / photo, along both axes; empty if the photo is smaller than a
        face.
    """
    levels, scale = [], cell / smallest_face
    while min(height, width) * scale >= cell:
        rows, columns = int(height * scale), int(width * scale)
        levels.append(((rows, columns), (columns / width, rows / height)))
        scale *= factor
    return levels


class Pyramid:
    """The levels of a photo, each resized from a halving of it, which is faster.

    Args:
        photo: uint8 (height, width, 3).
    """

    def __init__(self, photo):
        self._photo = photo

    def __call__(self, height, width):
        """A level, float32 (height, width, 3), normalised; no larger than the last."""
        while min(np.divide(self._photo.shape[:2], (height, width))) >= 2:
            self._photo = _reduce(self._photo, 0.5)
        size = (width, height)
        return normalize(cv2.resize(self._photo, size, interpolation=cv2.INTER_AREA))


def square_crops(photos, boxes, owners, side):
    """Cuts square boxes out of photos and resizes them, bilinear.

    The crop's corner pixels are half a pixel up and left of the box's corners: with
    these, landmarks in a photo and in its mirror image agree to 0.1 px on average.

    Args:
        photos: uint8 (height, width, 3) each.
        boxes: Float (boxes, 4), squares in pixels; they may reach beyond the photo.
        owners: Integer (boxes,), the photo of each box.
        side: Rows and columns of the crops, pixels.

    Returns: Float32 (boxes, side, side, 3), normalised.
    """
    matrices = np.zeros((len(boxes), 2, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = (boxes[:, 2] - boxes[:, 0]) / (side - 1)
    matrices[:, :, 2] = boxes[:, :2] - 0.5
    return warped_crops(photos, matrices, owners, side)


def warped_crops(photos, matrices, owners, side):
    """Warps square crops out of photos, bilinear, grey outside.

    Args:
        photos: uint8 (height, width, 3) each.
        matrices: Float (crops, 2, 3), similarities from pixels of the crop to pixels of
            the photo.
        owners: Integer (crops,), the photo of each.
        side: Rows and columns of the crops, pixels.

    Returns: Float32 (crops, side, side, 3), normalised.
    """
    crops = np.empty((len(matrices), side, side, 3), np.uint8)
    halvings = _halvings(matrices)
    reduced = {}
    for crop, matrix, owner, halving in zip(
        crops, matrices, owners, halvings, strict=True
    ):
        if (owner, halving) not in reduced:
            reduced[owner, halving] = _reduce(photos[owner], 2.0**-halving)
        photo = reduced[owner, halving]
        if halving:
            ratios = np.divide(photo.shape[1::-1], photos[owner].shape[1::-1])
            # About the pixels' edges: x + 0.5 is what is multiplied.
            matrix = (matrix + (0, 0, 0.5)) * ratios[:, None] - (0, 0, 0.5)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(
            photo, matrix, (side, side), dst=crop, flags=flags, borderValue=_OUTSIDE
        )
    return normalize(crops)


def _halvings(matrices):
    reductions = np.maximum(np.hypot(matrices[:, 0, 0], matrices[:, 1, 0]), 1)
    halvings = np.ceil(np.log2(reductions / _LARGEST_REDUCTION))
    return np.maximum(halvings, 0).astype(int)


def _reduce(photo, scale):
    if scale == 1:
        return photo
    height, width = photo.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
