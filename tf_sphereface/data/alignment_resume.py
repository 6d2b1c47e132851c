"""Which photos of an earlier run need not be aligned again."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tf_sphereface.data.alignment_manifest import KEPT, ManifestRow
from tf_sphereface.data.crop_names import row_name
from tf_sphereface.data.sources import PhotoSource


def reusable_rows(
    known: Mapping[str, ManifestRow],
    names: Iterable[str],
    source: PhotoSource,
    out: Path,
    landmarks: Mapping[str, tuple[float, ...]] | None = None,
    every_face: bool = False,
) -> dict[str, ManifestRow]:
    """The rows of photos that are as they were and whose crops are all there.

    Args:
        known: The earlier run's rows by name; those of a photo's further faces are
            named after it.
        names: "IDENTITY/FILE" of the photos.
        source: Where the photos are now.
        out: The aligned folder.
        landmarks: Given landmarks by photo; a photo with others is aligned again.
        every_face: Whether all faces of a photo have a row, not one.
    """
    rows = {}
    for name in names:
        first = known.get(name)
        if first is None:
            continue
        count = max(1, first.faces) if every_face else 1
        faces = [known.get(row_name(name, face)) for face in range(1, count + 1)]
        if not all(row is not None and _has_crop(row, out) for row in faces):
            continue
        if landmarks is not None and not _same_landmarks(first, landmarks.get(name)):
            continue
        photo = source.photo(name)
        if (photo.bytes, photo.modified_ns) == (first.bytes, first.modified_ns):
            rows.update((row.photo, row) for row in faces)
    return rows


def _has_crop(row, out):
    return row.status != KEPT or (out / row.crop).is_file()


def _same_landmarks(row, landmarks):
    if row.status != KEPT or landmarks is None:
        return (landmarks is None) == (row.reason == "no landmarks")
    return row.landmarks == tuple(round(value, 3) for value in landmarks)
