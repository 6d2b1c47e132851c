"""Closed- and open-set identification on LFW (Best-Rowden et al., 2014)."""

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.identification.face_set import FaceSet
from tf_sphereface.evaluation.identification.identification_report import (
    IdentificationReport,
)
from tf_sphereface.evaluation.identification.identify import (
    evaluate_identification,
)
from tf_sphereface.evaluation.rates.thresholds import FAR_TARGETS
from tf_sphereface.evaluation.report_types import Curve, Report, percent

LFW_FPIRS = (1e-1, 1e-2)


@dataclasses.dataclass(frozen=True)
class LfwIdentificationSets:
    """Rows of the photos in each set, int (photos,).

    Args:
        closed_gallery: One photo of each known person and of each extra person.
        closed_probes: All other photos of the known people.
        open_gallery: The photo of each known person that the closed gallery has.
        genuine_probes: One other photo of each known person.
        impostor_probes: All photos of people who are not known.
        notes: Where the sets are not the published ones.
    """

    closed_gallery: np.ndarray
    closed_probes: np.ndarray
    open_gallery: np.ndarray
    genuine_probes: np.ndarray
    impostor_probes: np.ndarray
    notes: tuple[str, ...] = ()


def lfw_identification_sets(
    people: Sequence[str],
    known: Collection[str] | None = None,
    extra: Collection[str] | None = None,
) -> LfwIdentificationSets:
    """Draws the sets by the rules of the protocol.

    The published sets of LFW's 13,233 photos: 596 known people with 3,739 photos. The
    closed set has a gallery of 4,249 people (the known ones and 3,653 extra ones) with
    a photo each, and the other 3,143 photos of the known people as probes. The open set
    has a gallery of the 596, 596 genuine probes and, as impostors, the 9,494 photos of
    everyone else. Which people these are is the authors' choice and does not follow
    from the names, so a list of them can be given.

    Of a known person the first photo, in the order given, is enrolled, and the second
    is the genuine probe.

    Args:
        people: Name of the person on each photo.
        known: Names of the known people. None takes all with at least two photos.
        extra: Names of the other people of the closed gallery. None takes all who are
            not known.

    Raises: InputError if a known person has fewer than two photos or an extra person
        none, someone is both, or nobody is left as known person or impostor.

    Reference: L. Best-Rowden, H. Han, C. Otto, B. Klare, A. K. Jain, "Unconstrained
        face recognition: identifying a person of interest from a media collection",
        IEEE TIFS 9(12), 2014; figures of the sets as in Y. Taigman et al., "Web-scale
        training for face identification", CVPR 2015.
    """
    rows = {}
    for row, person in enumerate(people):
        rows.setdefault(person, []).append(row)
    notes = []
    if known is None:
        known = [person for person, photos in rows.items() if len(photos) > 1]
        notes.append(
            f"The known people are all {len(known):,} with two photos or more, not the "
            "596 of the published protocol: give their names to compare with it."
        )
    known = dict.fromkeys(known)
    others = [person for person in rows if person not in known]
    extra = others if extra is None else extra
    _check(rows, known, extra, others)
    known = sorted(known)
    first = [rows[person][0] for person in known]
    return LfwIdentificationSets(
        closed_gallery=_rows(first, (rows[person][0] for person in sorted(set(extra)))),
        closed_probes=_rows(row for person in known for row in rows[person][1:]),
        open_gallery=_rows(first),
        genuine_probes=_rows(rows[person][1] for person in known),
        impostor_probes=_rows(row for person in others for row in rows[person]),
        notes=tuple(notes),
    )


@dataclasses.dataclass(frozen=True)
class LfwIdentificationReport(Report):
    """Result of `evaluate_lfw_identification`.

    Args:
        closed: Rank rates of the closed set.
        open: DIR of the open set; its ranks are of the genuine probes.
        notes: Sentences on what limits the result.
    """

    closed: IdentificationReport
    open: IdentificationReport
    notes: tuple[str, ...]

    protocol = "lfw-identification"

    @property
    def missing_photos(self) -> tuple[str, ...]:
        names = {*self.closed.missing_photos, *self.open.missing_photos}
        return tuple(sorted(names))

    def headline(self) -> list[tuple[str, str]]:
        figures = [("rank 1, closed set", percent(self.closed.rank_1))]
        for fpir, point in self.open.dir_at_fpir.items():
            figures.append((f"DIR at FAR {fpir:g}, open set", percent(point.tar)))
        return figures

    def verdict(self) -> str:
        """That of the closed set."""
        return self.closed.verdict()

    def curves(self) -> list[Curve]:
        closed = [curve for curve in self.closed.curves() if curve.kind == "cmc"]
        return closed + [curve for curve in self.open.curves() if curve.kind == "dir"]

    def summary(self) -> dict:
        return {
            "closed_set": self.closed.summary(),
            "open_set": self.open.summary(),
            "notes": list(self.notes),
        }

    def to_json(self) -> dict:
        return {
            "protocol": self.protocol,
            "closed_set": self.closed.to_json(),
            "open_set": self.open.to_json(),
            "notes": list(self.notes),
            "missing_photos": list(self.missing_photos),
        }


def evaluate_lfw_identification(
    faces: FaceSet,
    sets: LfwIdentificationSets | None = None,
    fpirs: Sequence[float] = LFW_FPIRS,
    missing: str = "wrong",
) -> LfwIdentificationReport:
    """Closed set: who of the gallery is it? Open set: who, if anyone?

    The open set's FAR is the share of impostor probes whose best score in the gallery
    reaches the threshold, elsewhere called FPIR.

    Args:
        faces: All photos of LFW, or of any collection.
        sets: Drawn from the people of `faces` if not given.
        fpirs: Targets in (0, 1].
        missing: As for `evaluate_identification`.
    """
    if sets is None:
        sets = lfw_identification_sets(faces.people.tolist())
    options = {"fpirs": fpirs, "missing": missing, "protocol": "lfw-identification"}
    closed = evaluate_identification(
        faces.take(sets.closed_probes),
        faces.take(sets.closed_gallery),
        fars=FAR_TARGETS[:4],
        **options,
    )
    open_set = evaluate_identification(
        faces.take(np.concatenate([sets.genuine_probes, sets.impostor_probes])),
        faces.take(sets.open_gallery),
        fars=(),
        **options,
    )
    notes = (
        *sets.notes,
        *(f"Closed set: {note}" for note in closed.notes),
        *(f"Open set: {note}" for note in open_set.notes),
    )
    return LfwIdentificationReport(closed, open_set, notes)


def _check(rows, known, extra, others):
    for person in known:
        if len(rows.get(person, ())) < 2:
            raise InputError(
                "a known person must have two photos: one to enrol and one to look "
                f"for. Received: {person!r}, {len(rows.get(person, ()))} photos"
            )
    for person in extra:
        if person not in rows or person in known:
            raise InputError(
                "an extra person of the gallery must have a photo and not be one of "
                f"the known people. Received: {person!r}"
            )
    if not known or not others:
        raise InputError(
            "there must be people with two photos and people whom the open gallery "
            f"does not know. Received: {len(known)} known, {len(others)} others"
        )


def _rows(*parts):
    return np.array([row for part in parts for row in part], int)
