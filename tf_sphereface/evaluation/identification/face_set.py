"""Embeddings with the people they show."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tf_sphereface.errors import InputError

MISSING = ("error", "skip", "wrong")


class FaceSet(NamedTuple):
    """Faces and who they are.

    Args:
        embeddings: Float (faces, dim), any lengths; a row of NaN is a missing photo.
        people: Text (faces,).
        names: Text (faces,), for messages; () if there are none.
    """

    embeddings: np.ndarray
    people: np.ndarray
    names: Sequence[str] = ()

    def missing(self) -> np.ndarray:
        """Bool (faces,), which photos are missing."""
        return ~np.isfinite(self.embeddings).all(axis=1)

    def missing_names(self) -> list[str]:
        """Name of each missing photo; "" if faces have no names."""
        rows = np.flatnonzero(self.missing())
        return [str(self.names[row]) if len(self.names) else "" for row in rows]

    def take(self, rows: np.ndarray) -> "FaceSet":
        """The faces of these rows, or of a bool (faces,)."""
        names = np.array(self.names)[rows] if len(self.names) else ()
        return FaceSet(self.embeddings[rows], self.people[rows], names)


def face_set(
    embeddings: np.ndarray,
    names: Sequence[str],
    people: Mapping[str, str] | None = None,
) -> FaceSet:
    """Faces with their people.

    Args:
        embeddings: Float (faces, dim).
        names: Text (faces,).
        people: Person by name; for all others it is the first folder, "PERSON/FILE".

    Raises: ValueError if there are not as many names as embeddings. InputError if a
        name has no folder.
    """
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2 or len(embeddings) != len(names):
        raise ValueError(
            "`embeddings` must be (faces, dim) with a name each. "
            f"Received: embeddings={embeddings.shape}, names={len(names)}"
        )
    names = tuple(map(str, names))
    known = people or {}
    persons = [known.get(name) or _first_folder(name) for name in names]
    return FaceSet(embeddings, np.array(persons, str), names)


def _first_folder(name):
    person, slash, _ = name.partition("/")
    if not (person and slash):
        raise InputError(f"a face must be named PERSON/FILE. Received: {name!r}")
    return person


def notes_on_copies(probes: FaceSet, gallery: FaceSet) -> list[str]:
    """A sentence if probes have the very embedding of their person in the gallery."""
    held = set(_fingerprints(gallery))
    copies = sum(mark in held for mark in _fingerprints(probes))
    if not copies:
        return []
    return [
        f"{copies:,} of {len(probes.people):,} probes have the very embedding of a "
        "gallery photo of their person: if it is the same photo, the figures are too "
        "good."
    ]


def _fingerprints(faces):
    """Of each face with a photo: hashes, since a gallery's embeddings are many."""
    faces = faces.take(~faces.missing())
    rows = np.ascontiguousarray(faces.embeddings, np.float32)
    people = faces.people.tolist()
    return [
        hash((person, row.tobytes())) for person, row in zip(people, rows, strict=True)
    ]


def present(faces: FaceSet, missing: str, what: str) -> FaceSet:
    """The faces to score: all, or those with a photo.

    Args:
        faces: Perhaps with rows of NaN.
        missing: "error" refuses them, "skip" leaves them out, "wrong" keeps them, to be
            counted as errors.
        what: What the faces are, for the message.

    Raises: InputError if a photo is missing and must not be. ValueError for any other
        `missing`.
    """
    if missing not in MISSING:
        raise ValueError(
            f"`missing` must be one of {', '.join(MISSING)}. Received: {missing=}"
        )
    absent = faces.missing()
    if missing == "error" and absent.any():
        row = int(np.flatnonzero(absent)[0])
        name = faces.names[row] if len(faces.names) else f"number {row}"
        raise InputError(
            f"all photos of the {what} must be there; --missing skip or wrong goes on "
            f"without. Received: {int(absent.sum())} missing, the first is {name}"
        )
    return faces.take(~absent) if missing == "skip" else faces
