"""The worst errors on report.html: pairs by name, with their faces if asked for."""

from pathlib import Path

from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.photos.lookup import find_photos
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.report_types import PairError
from tf_sphereface.pages.markup import escape, picture_address

_KINDS = (
    (False, "Strangers taken for one person, the most alike first"),
    (True, "One person taken for two, the least alike first"),
)


def errors_section(errors: list[PairError], images_dir: Path | None) -> str:
    """The worst errors, HTML; "" if there are none.

    Args:
        errors: In the order to show.
        images_dir: Folder of the aligned faces to show beside the names, or None.

    Raises: InputError if the folder is missing.
    """
    if not errors:
        return ""
    pictures = {} if images_dir is None else _pictures(errors, Path(images_dir))
    lists = []
    for same, title in _KINDS:
        rows = [_row(error, pictures) for error in errors if error.same is same]
        if rows:
            found = "".join(rows)
            lists.append(f'<h3 class="spaced">{title}</h3>{found}')
    return (
        "<h2>The worst errors</h2><p>By the cosine of the plain embeddings, at the "
        "threshold of the best accuracy. Look at these first: some are wrong labels or "
        f"faces that were cut out wrongly.</p>{''.join(lists)}"
    )


def _row(error, pictures):
    names = f"{escape(error.left)} <b>and</b> {escape(error.right)}"
    faces = "".join(pictures.get(photo, "") for photo in (error.left, error.right))
    shown = f'<ul class="sheet pair">{faces}</ul>' if faces else ""
    score = f"<b>{error.score:.4f}</b>"
    return f'<div class="finding">{shown}<p>{score} {names}</p></div>'


def _pictures(errors, images_dir):
    """<li> elements by photo; a photo that cannot be read says so."""
    photos = sorted({photo for error in errors for photo in error[:2]})
    found = zip(photos, find_photos(images_dir, photos), strict=True)
    return {photo: f"<li>{face_picture(photo, file)}</li>" for photo, file in found}


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
