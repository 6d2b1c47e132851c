"""clean.html: each suspicious crop beside its own people and the one it looks like."""

import math
from pathlib import Path

from tf_sphereface.data.photos.names import identity_of
from tf_sphereface.evaluation.cleaning.findings import (
    COPY_ELSEWHERE,
    EXACT_COPY,
    KINDS,
    MISLABELLED,
    MIXED,
    NEAR_COPY,
    OUTLIER,
    SAME_PERSON,
)
from tf_sphereface.evaluation.cleaning.proposals import CleaningReport
from tf_sphereface.evaluation.pages.pictures import face_picture
from tf_sphereface.files import write_atomically
from tf_sphereface.pages.rendering import plural, render_page
from tf_sphereface.stated_paths import stated_path

_SHOWN = 40  # findings of a kind on the page; the list has all
_EXPLAINED = {
    MISLABELLED: "The crop is no more like its own identity than a stranger is, and as "
    "like another as only one crop in a hundred is by chance.",
    COPY_ELSEWHERE: "The same picture lies in two people's folders: one name is wrong. "
    "Say yes for that one.",
    EXACT_COPY: "The file is there twice. A copy counts its picture double in training "
    "and makes a pair that is too easy in a test.",
    NEAR_COPY: "The same picture, encoded or scaled anew.",
    MIXED: "Several crops of one folder are unlike its other crops, and like each "
    "other: two people under one name, or one person from two sides.",
    SAME_PERSON: "Two folders whose centres are as alike as the halves of one person. "
    "Relatives and look-alikes are among them. Nothing is left out for these.",
    OUTLIER: "The crop is far from its identity and nearer to another, without being "
    "like that one: a wrong face, or a hard photo.",
}


def write_clean_page(
    report: CleaningReport,
    aligned: Path,
    path: Path,
    list_name: str,
    model: str,
    command: str,
    *,
    thumbnails: bool = True,
) -> None:
    """Writes the findings as one self-contained HTML file with the crops side by side.

    Args:
        report: What was found.
        aligned: Folder of the crops; those to show are read.
        path: Of the page.
        list_name: Name of the CSV list that the page refers to.
        model: The model, in words.
        command: The command line.
        thumbnails: Without them no crop is read and the page shows no face.

    Raises: OSError if writing fails.
    """
    pictures = _Pictures(aligned if thumbnails else None)
    counts = report.counts()
    page = render_page(
        "evaluation/cleaning/clean.html",
        heading=Path(aligned).resolve().name,
        faces=thumbnails,
        list=list_name,
        found=sum(counts.values()),
        proposed=report.proposed(),
        collection=f"{plural(report.crops, 'crop')} of "
        f"{plural(report.identities, 'person', 'people')}",
        notes=report.notes(),
        cards=[(_title(kind), f"{counts[kind]:,}", "") for kind in KINDS],
        sections=[
            _section(kind, report, pictures) for kind in KINDS if counts[kind] > 0
        ],
        details=_details(report, aligned, model, command),
    )
    write_atomically(path, page.encode(), private=thumbnails)


class _Pictures:
    """Crops, each read once."""

    def __init__(self, aligned):
        self._aligned, self._known = aligned, {}

    def of(self, names):
        """(name, picture) of crops; None: not to be read, False: none is shown."""
        if self._aligned is None:
            return [(name, False) for name in names]
        for name in names:
            if name not in self._known:
                self._known[name] = face_picture(self._aligned / name)
        return [(name, self._known[name]) for name in names]


def _section(kind, report, pictures):
    """Title, text, findings to show with their groups of crops, and how many more."""
    findings = [found for found in report.findings if found.kind == kind]
    shown = [(found, _groups(found, report, pictures)) for found in findings[:_SHOWN]]
    return _title(kind), _EXPLAINED[kind], shown, len(findings) - _SHOWN


def _groups(found, report, pictures):
    """(person, words, crops) of the crops that are shown side by side."""
    groups = []
    if found.crop:
        groups.append((found.identity, _score(found.own_score), [found.crop]))
    examples = [
        crop for crop in report.examples.get(found.identity, ()) if crop != found.crop
    ]
    if found.kind not in (EXACT_COPY, NEAR_COPY, COPY_ELSEWHERE):
        title = ("", "others of the folder") if found.crop else (found.identity, "")
        groups.append((*title, examples[:3]))
    if found.other:
        shown = report.examples.get(found.other, (found.other,))[:3]
        groups.append((identity_of(found.other), _score(found.other_score), shown))
    return [
        (person, words, pictures.of(crops)) for person, words, crops in groups if crops
    ]


def _score(value):
    return "" if math.isnan(value) else f"{value:.2f}"


def _title(kind):
    return kind[0].upper() + kind[1:]


def _details(report, aligned, model, command):
    limits = report.thresholds
    return [
        ("Aligned folder", stated_path(aligned)),
        ("Model", model),
        ("Command", command),
        ("Score", "cosine of two embeddings, -1..1; 1 is the same face"),
        (
            "Like a stranger",
            f"below {_cosine(limits.stranger)}: 1 in 100 scores of a crop with another "
            "person's centre is higher",
        ),
        (
            "Like another person",
            f"from {_cosine(limits.other_person)}: 1 in 100 sound crops has a stranger "
            "who scores higher",
        ),
        (
            "Like its own person",
            f"from {_cosine(limits.typical)}: three quarters of the crops",
        ),
        (
            "Outlier",
            f"below {_cosine(limits.outlier)}: 1.5 interquartile ranges under that",
        ),
        (
            "Same person",
            f"centres from {_cosine(limits.same_person)}: 9 in 10 halves of one person "
            "are more alike",
        ),
    ]


def _cosine(value):
    return "(not known)" if math.isnan(value) else f"{value:.3f}"
