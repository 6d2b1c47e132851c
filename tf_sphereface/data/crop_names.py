"""What crops are called after their photos."""

import re

_FURTHER = re.compile(r"#\d+$")


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
    """Whether a manifest's name is of the second face of a photo, or a later one."""
    return _FURTHER.search(name) is not None
