"""Counts of an audit: photos, reasons, people."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np

from tf_sphereface.data.aligned.manifest import (
    DROPPED,
    KEPT,
    MANIFEST_NAME,
    ManifestRow,
    alignment_is_complete,
    read_manifest_rows,
)
from tf_sphereface.data.aligned.settings import described_crop, read_alignment_settings
from tf_sphereface.data.alignment.crops import is_further_face
from tf_sphereface.data.audit.measures import CropMeasures, measure_crops
from tf_sphereface.data.photos.names import identity_of
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import CropGeometry


@dataclasses.dataclass(frozen=True)
class CollectionFacts:
    """Counts of an aligned folder, from its manifest.

    Args:
        photos: Number of photos.
        crops: Measures of the crops.
        dropped: Photos without a crop by reason, the most frequent reason first; each
            list is sorted.
        people: Number of crops of each person who has one, by name.
        without_crop: Names of the people none of whose photos gave a crop, sorted.
        complete: False if the alignment was interrupted.
        settings: Of align.json; empty without one.
        crop: Size and template of the crops, by the settings.
        several_faces: Number of photos with a crop in which more faces were found.
        found_by: Number of crops by what found their faces, "" if it is not recorded.
    """

    photos: int
    crops: CropMeasures
    dropped: dict[str, list[str]]
    people: dict[str, int]
    without_crop: tuple[str, ...]
    complete: bool
    settings: dict
    crop: CropGeometry
    several_faces: int
    found_by: Counter

    def photos_dropped(self) -> int:
        """Number of photos without a crop; those with several crops count once."""
        return sum(map(len, self.dropped.values()))

    def people_sorted(self, fewest: bool = False) -> list[tuple[str, int]]:
        """Names and numbers of crops, the most or the fewest first; equals by name."""
        sign = 1 if fewest else -1
        return sorted(
            self.people.items(), key=lambda entry: (sign * entry[1], entry[0])
        )


def read_facts(folder: Path) -> CollectionFacts:
    """Reads the manifest of an aligned folder, an interrupted one's too.

    Raises: InputError if it is not an aligned folder, or damaged.
    """
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    rows = read_manifest_rows(folder)
    if not rows and not (folder / MANIFEST_NAME).exists():
        raise InputError(
            f"not an aligned folder (no {MANIFEST_NAME}): {folder}; "
            "make one with `sphereface align`"
        )
    settings = read_alignment_settings(folder) or {}
    crop = described_crop(settings)
    crops = measure_crops(rows.values(), np.array(crop.template), crop.fit)
    people = Counter(map(identity_of, crops.names))
    everyone = {row.identity for row in rows.values()}
    return CollectionFacts(
        photos=sum(not is_further_face(photo) for photo in rows),
        crops=crops,
        dropped=_dropped(rows),
        people=dict(sorted(people.items())),
        without_crop=tuple(sorted(everyone - people.keys())),
        complete=alignment_is_complete(folder),
        settings=settings,
        crop=crop,
        several_faces=_several_faces(rows),
        found_by=Counter(row.found_by for row in rows.values() if row.status == KEPT),
    )


def _several_faces(rows):
    photos = (row for row in rows.values() if not is_further_face(row.photo))
    return sum(row.faces > 1 for row in photos)


def _dropped(rows: dict[str, ManifestRow]) -> dict[str, list[str]]:
    by_reason = {}
    for photo in sorted(rows):
        if rows[photo].status == DROPPED:
            by_reason.setdefault(rows[photo].reason, []).append(photo)
    order = sorted(by_reason, key=lambda reason: (-len(by_reason[reason]), reason))
    return {reason: by_reason[reason] for reason in order}
