"""What InsightFace's aligned faces are to ours: the same face, cut out elsewhere."""

import numpy as np

from tf_sphereface.geometry import DEFAULT_CROP, CropGeometry

INSIGHTFACE_CROP = CropGeometry(112, 112)


def cut_insightface_crop(
    pixels: np.ndarray, crop: CropGeometry = DEFAULT_CROP
) -> np.ndarray:
    """Our crop of a face that InsightFace aligned, pixel by pixel.

    Args:
        pixels: uint8 (112, 112, 3), RGB.
        crop: 112 x 96 or 112 x 112.

    Returns: uint8 (height, width, 3), RGB, the landmarks on the crop's template. The
        lowest row of 112 x 96 is not in InsightFace's crop; the one above is repeated.
    """
    # The templates are one face: what lies between them is where the crop begins.
    shift = np.subtract(INSIGHTFACE_CROP.template, crop.template).mean(axis=0)
    left, top = np.round(shift).astype(int)
    rows = np.minimum(np.arange(crop.height) + top, INSIGHTFACE_CROP.height - 1)
    return pixels[rows, left : left + crop.width]
