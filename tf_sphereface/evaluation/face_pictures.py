"""Aligned faces as elements of a page."""

from pathlib import Path

from tf_sphereface.data.images import read_photo
from tf_sphereface.errors import InputError
from tf_sphereface.pages.markup import escape, picture_address


def face_picture(photo: str, file: Path | None) -> str:
    """An <img> that is part of the page, or words where there is no picture.

    Args:
        photo: Name of the photo.
        file: Of the aligned face; None if there is none.
    """
    try:
        address = picture_address(read_photo(file)) if file else None
    except InputError:
        address = None
    if address is None:
        return '<span class="lost">not readable</span>'
    return f'<img src="{address}" alt="{escape(photo)}" width="96" height="112">'
