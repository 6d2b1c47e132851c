"""The whole cleaning of an aligned folder: embed, compare, propose."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np

from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.evaluation.cleaning.copies import find_copies
from tf_sphereface.evaluation.cleaning.findings import KINDS, Finding, sort_findings
from tf_sphereface.evaluation.cleaning.label_noise import (
    LabelThresholds,
    find_label_noise,
)
from tf_sphereface.evaluation.cleaning.people import (
    group_by_person,
    score_people,
    score_strangers,
    trimmed_centre,
)
from tf_sphereface.evaluation.embeddings.npz import embed_folder
from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource
from tf_sphereface.files import sha256_of
from tf_sphereface.progress import Progress
from tf_sphereface.similarity import unit_rows

_SHOWN_OF_A_PERSON = 4


@dataclasses.dataclass(frozen=True)
class CleaningReport:
    """Result of `propose_cleaning`.

    Args:
        crops: Number of crops.
        identities: Number of identities.
        findings: The surest first, by kind.
        thresholds: Taken from the collection's own scores.
        examples: Crops nearest the centre of each identity that a finding names.
    """

    crops: int
    identities: int
    findings: tuple[Finding, ...]
    thresholds: LabelThresholds
    examples: dict[str, tuple[str, ...]]

    def counts(self) -> dict[str, int]:
        """Number of findings of each kind."""
        found = Counter(finding.kind for finding in self.findings)
        return {kind: found[kind] for kind in KINDS}

    def notes(self) -> list[str]:
        """Sentences on what limits the findings."""
        if self.thresholds.tells_people_apart():
            return []
        return [
            "By this model's scores many crops are no more like their own person than "
            "strangers are: judge the labels with a better model. Copies are found "
            "all the same."
        ]

    def proposed(self) -> int:
        """Number of crops that the list proposes to leave out."""
        return len({found.crop for found in self.findings if found.drop})


def propose_cleaning(
    source: EmbeddingSource,
    aligned: Path,
    *,
    mirror: bool = True,
    progress: Progress | None = None,
) -> CleaningReport:
    """Proposes crops to look at or to leave out; changes nothing.

    In memory are the embeddings of all crops and blocks of their scores.

    Args:
        source: The model whose embeddings are compared.
        aligned: ALIGNED/IDENTITY/CROP.
        mirror: Concatenates the embedding of the mirror image, as `evaluate` does.
        progress: Called with the number of crops embedded, and to embed.

    Raises: InputError if the folder or a crop is unusable, or an embedding is not
        finite.
    """
    file = embed_folder(source, aligned, mirror, progress)
    return clean_embeddings(file.embeddings, list(file.names), aligned)


def clean_embeddings(
    embeddings: np.ndarray, names: list[str], aligned: Path
) -> CleaningReport:
    """`propose_cleaning` with embeddings that are there already.

    Args:
        embeddings: Float (crops, dim), finite.
        names: "IDENTITY/FILE" of each crop.
        aligned: Folder of the crops.
    """
    rows, people = unit_rows(np.asarray(embeddings, np.float32)), group_by_person(names)
    noise, thresholds = find_label_noise(rows, names)
    centres, _ = score_people(rows, people)
    apart = np.arange(len(centres))
    nearest = score_strangers(rows, people.labels, centres, apart, count=False).nearest
    digests = [sha256_of(aligned / name) for name in names]
    copies = find_copies(
        rows, people, nearest, names, digests, lambda name: read_photo(aligned / name)
    )
    findings = tuple(sort_findings([*noise, *copies]))
    return CleaningReport(
        crops=len(names),
        identities=len(people.identities),
        findings=findings,
        thresholds=thresholds,
        examples=_examples(rows, people, names, findings),
    )


def _examples(rows, people, names, findings):
    named = {found.identity for found in findings}
    named |= {found.other for found in findings}
    examples = {}
    for label, identity in enumerate(people.identities):
        if identity in named:
            members = people.members[label]
            centre, _ = trimmed_centre(rows[members])
            order = np.argsort(-(rows[members] @ centre), kind="stable")
            chosen = members[order[:_SHOWN_OF_A_PERSON]]
            examples[identity] = tuple(names[index] for index in chosen)
    return examples
