"""Identification of a folder's people by many models: as gallery and as probes."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from tf_sphereface.bundle.features import CropEmbedder
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.identification.face_set import face_set
from tf_sphereface.evaluation.identification.identification_report import (
    IdentificationReport,
)
from tf_sphereface.evaluation.identification.identify import evaluate_identification
from tf_sphereface.evaluation.verification.pair_evaluator import PairEvaluator

FPIRS = (0.01, 0.001)
_MOST_PHOTOS = 5_000  # of all: each variant embeds them
_UNKNOWN_SHARE = 3  # every third person is unknown if too few have one photo only


class GallerySets(NamedTuple):
    """Photos of an open-set search.

    Args:
        gallery: One of each known person.
        probes: The others of the known people, and all of people who are not known.
    """

    gallery: tuple[str, ...]
    probes: tuple[str, ...]


def gallery_sets(photos: Sequence[str]) -> GallerySets:
    """Draws gallery and probes from the photos of a folder; always the same.

    People with one photo are not known. If these have fewer photos than a third of
    the known people's probes, every third of the others is not known either.

    Args:
        photos: "PERSON/FILE" each.

    Raises: InputError if nobody is left to be known, or nobody to be unknown.
    """
    people = _by_person(photos)
    several = [names for names in people if len(names) > 1]
    unknown = [names for names in people if len(names) == 1]
    if len(unknown) * _UNKNOWN_SHARE < sum(len(names) - 1 for names in several):
        unknown += several[_UNKNOWN_SHARE - 1 :: _UNKNOWN_SHARE]
        del several[_UNKNOWN_SHARE - 1 :: _UNKNOWN_SHARE]
    if not several or not unknown:
        raise InputError("a search needs people with two photos, and others")
    return GallerySets(
        tuple(names[0] for names in several),
        tuple(
            [name for names in several for name in names[1:]]
            + [name for names in unknown for name in names]
        ),
    )


class GalleryEvaluator:
    """Open-set identification with the features of each model kept.

    Args:
        pairs: The evaluator of pairs of the same folder, whose features are shared.

    Raises: InputError as `gallery_sets`, or if the folder is missing.
    """

    def __init__(self, pairs: PairEvaluator):
        self._pairs = pairs
        self._sets = gallery_sets(_some(pairs.all_photos()))

    def identify(
        self, gallery: CropEmbedder, probe: CropEmbedder
    ) -> IdentificationReport:
        """The report of a gallery of one model and probes of another, or the same.

        Args:
            gallery: A model that the evaluator of pairs had before.
            probe: Another one, or the same.

        Raises: InputError as `evaluate_identification`.
        """
        enrolled, probes = (
            face_set(self._pairs.features(model, names), names)
            for model, names in (
                (gallery, self._sets.gallery),
                (probe, self._sets.probes),
            )
        )
        return evaluate_identification(
            probes, enrolled, fars=(), fpirs=FPIRS, max_rank=1
        )


def _some(photos):
    """At most so many, of whole people evenly spread over the names."""
    step = -(-len(photos) // _MOST_PHOTOS) or 1
    return [photo for names in _by_person(photos)[::step] for photo in names]


def _by_person(photos):
    """The photos of each person, people and photos in the order of their names."""
    people = defaultdict(list)
    for photo in sorted(photos):
        people[photo.partition("/")[0]].append(photo)
    return list(people.values())
