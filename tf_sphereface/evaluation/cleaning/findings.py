"""Findings of cleaning, and the list of them that people review and edit."""

import csv
import dataclasses
import io
import math
from pathlib import Path

from tf_sphereface.data.aligned.crop_exclusions import COLUMNS
from tf_sphereface.files import write_atomically
from tf_sphereface.text_lists import spreadsheet_cell

# In the order of the list: the surest and most harmful first.
MISLABELLED = "mislabelled"
COPY_ELSEWHERE = "copy under another name"
EXACT_COPY = "exact copy"
NEAR_COPY = "near copy"
MIXED = "mixed identity"
SAME_PERSON = "same person"
OUTLIER = "outlier"
KINDS = (
    *(MISLABELLED, COPY_ELSEWHERE, EXACT_COPY, NEAR_COPY),
    *(MIXED, SAME_PERSON, OUTLIER),
)


@dataclasses.dataclass(frozen=True)
class Finding:
    """One suspicion about a crop, or about two identities.

    Args:
        kind: One of `KINDS`.
        crop: "IDENTITY/FILE"; empty if it is about whole identities.
        identity: Whose folder the crop is in.
        own_score: Cosine of the crop with the rest of its identity; NaN if unknown.
        other: Identity or crop that it looks like; may be empty.
        other_score: Cosine with `other`; NaN if unknown.
        suggestion: What to do, in words.
        drop: Whether the list proposes to leave the crop out.
    """

    kind: str
    crop: str
    identity: str
    own_score: float
    other: str
    other_score: float
    suggestion: str
    drop: bool


def sort_findings(findings: list[Finding]) -> list[Finding]:
    """By kind; within a kind the surest first, equals by name."""
    return sorted(
        findings,
        key=lambda found: (
            KINDS.index(found.kind),
            -_sureness(found),
            found.crop or found.identity,
            found.other,
        ),
    )


def write_clean_list(findings: list[Finding], path: Path) -> None:
    """Writes the list as CSV, in one step.

    The column `drop` is what `sphereface records --exclude-crops` reads: yes or no.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for found in findings:
        writer.writerow(
            [
                spreadsheet_cell(found.crop),
                spreadsheet_cell(found.identity),
                found.kind,
                _number(found.own_score),
                spreadsheet_cell(found.other),
                _number(found.other_score),
                found.suggestion,
                "yes" if found.drop else "no",
            ]
        )
    write_atomically(path, text.getvalue().encode())


def _sureness(found):
    own = 0.0 if math.isnan(found.own_score) else found.own_score
    other = 0.0 if math.isnan(found.other_score) else found.other_score
    if found.kind in (MISLABELLED, OUTLIER):
        return other - own
    return -own if found.kind == MIXED else other


def _number(value):
    return "" if math.isnan(value) else f"{value:.4f}"
