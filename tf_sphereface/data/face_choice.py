"""Which faces of a photo are cropped."""

from collections.abc import Sequence

import numpy as np

from tf_sphereface.detection import Face, nearest_to_centre

CHOICES = ("centre", "largest", "all")
# How align.json words them.
CHOICE_RECORDS = {
    "centre": "nearest to the centre",
    "largest": "largest",
    "all": "all, nearest to the centre first",
}


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
        areas = [np.prod(face.box[2:] - face.box[:2]) for face in faces]
        return [faces[int(np.argmax(areas))]] if faces else []
    chosen, left = [], list(faces)
    while left and (choice == "all" or not chosen):
        nearest = nearest_to_centre(left, height, width)
        chosen.append(nearest)
        left = [face for face in left if face is not nearest]
    return chosen
