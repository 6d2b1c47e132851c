"""clean.html: each suspicious crop beside its own people and the one it looks like."""

import math
from pathlib import Path

from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.photos.names import identity_of
from tf_sphereface.errors import InputError
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
from tf_sphereface.files import write_atomically
from tf_sphereface.pages.markup import (
    cards,
    definition_list,
    escape,
    fill_page,
    picture_address,
    picture_element,
    plural,
)

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
) -> None:
    """Writes the findings as one self-contained HTML file with the crops side by side.

    Args:
        report: What was found.
        aligned: Folder of the crops; those to show are read.
        path: Of the page.
        list_name: Name of the CSV list that the page refers to.
        model: The model, in words.
        command: The command line.

    Raises: OSError if writing fails.
    """
    pictures = _Pictures(aligned)
    counts = report.counts()
    values = {
        "kicker": "Cleaning proposals",
        "heading": escape(Path(aligned).resolve().name),
        "list": escape(list_name),
        "headline": _headline(report),
        "notes": "".join(f"<p>{escape(note)}</p>" for note in report.notes()),
        "notes_class": "notes" if report.notes() else "hidden",
        "cards": cards([(_title(kind), f"{counts[kind]:,}", "") for kind in KINDS]),
        "sections": "".join(_section(kind, report, pictures) for kind in KINDS),
        "details": definition_list(_details(report, aligned, model, command)),
    }
    page = fill_page(__package__, "clean_template.html", values)
    write_atomically(path, page.encode())


class _Pictures:
    """Crops as <img> elements, each read once."""

    def __init__(self, aligned):
        self._aligned, self._known = aligned, {}

    def tile(self, name):
        if name not in self._known:
            self._known[name] = self._read(name)
        shown = escape(name)
        identity, _, file = shown.partition("/")
        if file.startswith(identity):  # the end of the name tells more
            file = "…" + file.removeprefix(identity)
        return f'<li title="{shown}">{self._known[name]}<span>{file}</span></li>'

    def _read(self, name):
        try:
            crop = read_photo(self._aligned / name)
        except InputError:
            return '<span class="lost">not readable</span>'
        height, width = crop.shape[:2]
        return picture_element(picture_address(crop), escape(name), width, height)


def _headline(report):
    found = sum(report.counts().values())
    where = (
        f"{plural(report.crops, 'crop')} of "
        f"{plural(report.identities, 'person', 'people')}"
    )
    if not found:
        return f"<strong>Nothing suspicious</strong> in {where}."
    return (
        f"<strong>{plural(found, 'finding')}</strong> in {where}. The list proposes to "
        f"leave out {plural(report.proposed(), 'crop')}; nothing has been changed."
    )


def _section(kind, report, pictures):
    findings = [found for found in report.findings if found.kind == kind]
    if not findings:
        return ""
    rows = "".join(_row(found, report, pictures) for found in findings[:_SHOWN])
    more = len(findings) - _SHOWN
    rest = f"<p>And {more:,} more in the list.</p>" if more > 0 else ""
    return f"<h2>{_title(kind)}</h2><p>{_EXPLAINED[kind]}</p>{rows}{rest}"


def _row(found, report, pictures):
    groups = []
    name = f"<b>{escape(found.identity)}</b>"
    if found.crop:
        groups.append((name + _score(found.own_score), [found.crop]))
    examples = [
        crop for crop in report.examples.get(found.identity, ()) if crop != found.crop
    ]
    if found.kind not in (EXACT_COPY, NEAR_COPY, COPY_ELSEWHERE):
        title = "others of the folder" if found.crop else name
        groups.append((title, examples[:3]))
    if found.other:
        shown = report.examples.get(found.other, (found.other,))[:3]
        title = f"<b>{escape(identity_of(found.other))}</b>"
        groups.append((title + _score(found.other_score), shown))
    columns = "".join(
        f'<div><p>{title}</p><ul class="sheet">'
        f"{''.join(pictures.tile(crop) for crop in crops)}</ul></div>"
        for title, crops in groups
        if crops
    )
    answer = "drop: yes" if found.drop else "drop: no"
    return (
        f'<div class="finding"><div class="beside">{columns}</div>'
        f"<p>{escape(found.suggestion)}"
        f"{f' <b>{answer}</b>' if found.crop else ''}</p></div>"
    )


def _score(value):
    return "" if math.isnan(value) else f" {value:.2f}"


def _title(kind):
    return kind[0].upper() + kind[1:]


def _details(report, aligned, model, command):
    limits = report.thresholds
    return [
        ("Aligned folder", str(aligned)),
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
