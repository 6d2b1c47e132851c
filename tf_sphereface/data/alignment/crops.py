"""Crops of a photo: choice of faces, names, and InsightFace's crops."""

import re
from collections.abc import Sequence

import numpy as np

from tf_sphereface.data.aligned.manifest import TEMPLATE
from tf_sphereface.data.alignment.vote import CONSISTENT
from tf_sphereface.detection import Face, nearest_to_centre
from tf_sphereface.geometry import DEFAULT_CROP, CropGeometry

CHOICES = ("centre", "largest", "all")
ALIGNMENT_CHOICES = (*CHOICES, CONSISTENT)
# How align.json words them.
CHOICE_RECORDS = {
    "centre": "nearest to the centre",
    "largest": "largest",
    "all": "all, nearest to the centre first",
    CONSISTENT: "the one that most of the person's photos share",
}
LAST_RESORTS = ("none", TEMPLATE)
INSIGHTFACE_CROP = CropGeometry(112, 112)
# Of a photo's shorter side: InsightFace's crops of LFW's photos, whose faces lie in the
# middle.
_MIDDLE_SHARE = 0.53
_FURTHER = re.compile(r"#\d+$")


def choose_faces(
    faces: Sequence[Face], choice: str, height: int, width: int
) -> list[Face]:
    """The faces to crop, in the order of their numbers.

    Args:
        faces: All faces of a photo, best score first, which wins a tie.
        choice: "centre" takes the face nearest the photo's centre, "largest" that
            with the largest box, "all" takes all, the nearest to the centre first.
        height: Rows of the photo, pixels.
        width: Columns of the photo, pixels.
    """
    if choice == "largest":
        return [max(faces, key=lambda face: face.area)] if faces else []
    chosen, left = [], list(faces)
    while left and (choice == "all" or not chosen):
        nearest = nearest_to_centre(left, height, width)
        chosen.append(nearest)
        left = [face for face in left if face is not nearest]
    return chosen


def face_in_the_middle(height: int, width: int) -> Face:
    """The face of a photo in which none was found: InsightFace's template.

    Args:
        height: Rows of the photo, pixels.
        width: Columns of the photo, pixels.
    """
    side = INSIGHTFACE_CROP.height
    scale = _MIDDLE_SHARE * min(height, width) / side
    from_middle = np.array(INSIGHTFACE_CROP.template) - (side - 1) / 2
    landmarks = scale * from_middle + ((width - 1) / 2, (height - 1) / 2)
    return Face(np.empty(0), float("nan"), landmarks, found_by=TEMPLATE)


def crop_name(photo: str, face: int = 1, exact: bool = False) -> str:
    """The name of a photo's crop: photos "x.jpg" and "x.JPG" give "x.jpg".

    Other suffixes are kept and ".jpg" is added, so that "x.jpg" and "x.png" do not
    meet, and lists of pairs that name .jpg files stay valid.

    Args:
        photo: "IDENTITY/FILE".
        face: Number of the face in the photo; the second of "x.jpg" is "x#2.jpg".
        exact: Whether the crop is a PNG, which keeps every pixel: "x.jpg" gives
            "x.png".
    """
    stem, _, suffix = photo.rpartition(".")
    if suffix.lower() != "jpg":
        stem = photo
    number = f"#{face}" if face > 1 else ""
    return f"{stem}{number}.{'png' if exact else 'jpg'}"


def row_name(photo: str, face: int) -> str:
    """The manifest's name of a face: the photo, then "photo#2", "photo#3", ..."""
    return photo if face == 1 else f"{photo}#{face}"


def is_further_face(name: str) -> bool:
    """True if a manifest's name is of the second face of a photo, or a later one."""
    return _FURTHER.search(name) is not None


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
