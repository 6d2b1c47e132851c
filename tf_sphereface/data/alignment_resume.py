"""Which photos of an earlier run need not be aligned again."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tf_sphereface.data.alignment_manifest import KEPT, ManifestRow
from tf_sphereface.data.crop_names import row_name
from tf_sphereface.data.photo_aligner import LANDMARKS_OUTSIDE
from tf_sphereface.data.sources import PhotoSource


def reusable_rows(
    name: str,
    known: Callable[[str], ManifestRow | None],
    source: PhotoSource,
    out: Path,
    landmarks: Mapping[str, tuple[float, ...]] | None = None,
    every_face: bool = False,
) -> list[ManifestRow]:
    """The rows of a photo that is as it was and whose crops are all there.

    Args:
        name: "IDENTITY/FILE" of the photo.
        known: Gives the earlier run's row by name; those of a photo's further faces
            are named after it.
        source: Where the photos are now.
        out: The aligned folder.
        landmarks: Given landmarks by photo; a photo with others is aligned again.
        every_face: Whether all faces of a photo have a row, not one.

    Returns: Empty if the photo must be aligned.
    """
    first = known(name)
    if first is None:
        return []
    count = max(1, first.faces) if every_face else 1
    rows = [first, *(known(row_name(name, face)) for face in range(2, count + 1))]
    if not all(row is not None and _has_crop(row, out) for row in rows):
        return []
    if landmarks is not None and not _same_landmarks(first, landmarks.get(name)):
        return []
    photo = source.photo(name)
    same = (photo.bytes, photo.modified_ns) == (first.bytes, first.modified_ns)
    return rows if same else []


def _has_crop(row, out):
    return row.status != KEPT or (out / row.crop).is_file()


def _same_landmarks(row, landmarks):
    if row.reason == LANDMARKS_OUTSIDE:
        return False  # the row does not say which they were
    if row.status != KEPT or landmarks is None:
        return (landmarks is None) == (row.reason == "no landmarks")
    return row.landmarks == tuple(round(value, 3) for value in landmarks)
