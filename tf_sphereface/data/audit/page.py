"""audit.html: counts, contact sheets and plots on one self-contained page."""

import re

import numpy as np

from tf_sphereface.data.audit.facts import CollectionFacts
from tf_sphereface.data.audit.measures import measured
from tf_sphereface.data.audit.notes import lead, notes
from tf_sphereface.data.audit.plots import (
    average_svg,
    groups_svg,
    histogram_svg,
    landmarks_svg,
    people_svg,
)
from tf_sphereface.data.audit.sheets import Pictures, Sheet
from tf_sphereface.data.audit.tables import (
    dropped_list,
    people_lists,
    people_table,
    point_rows,
    summary_cards,
)
from tf_sphereface.pages.markup import (
    definition_list,
    escape,
    fill_page,
    picture_address,
    picture_element,
    plural,
)


def render_audit(
    name: str,
    facts: CollectionFacts,
    sheets: dict[str, Sheet],
    pictures: Pictures | None,
    details: list[tuple[str, str]],
    seed: int,
) -> str:
    """The HTML of an audit.

    Args:
        name: Of the aligned folder.
        facts: What the manifest says.
        sheets: Which crops to show.
        pictures: Of the crops; None shows none.
        details: Names and texts of the last section.
        seed: Of the random samples.
    """
    said = notes(facts, pictures)
    counts = np.array([count for _, count in facts.people_sorted()], int)
    people = plural(len(counts), "person", "people")
    values = {
        "kicker": "Audit of aligned faces",
        "heading": escape(name),
        "subtitle": f"{plural(facts.photos, 'photo')}, {people}",
        "headline": lead(facts),
        "notes": "".join(f"<p>{_with_code(note)}</p>" for note in said),
        "cards": summary_cards(facts, counts),
        "dropped": dropped_list(facts),
        "average": _average(facts, pictures),
        "landmarks": landmarks_svg(measured(facts.crops.warped), facts.crop, seed),
        "points": point_rows(facts),
        "groups": groups_svg(counts),
        "people": people_svg(counts),
        "most": people_table("Most crops", facts.people_sorted()),
        "fewest": people_table("Fewest crops", facts.people_sorted(fewest=True)),
        "lists": people_lists(facts),
        "details": definition_list(details),
        **_classes(facts, pictures, said),
        **_histograms(facts.crops),
    }
    for kind, sheet in sheets.items():
        values[f"sheet_{kind}"] = _sheet_html(facts, sheet, pictures)
    return fill_page(__package__, "audit_template.html", values)


def _classes(facts, pictures, said):
    """Which parts of the page there are, as classes of style.css."""
    seen = "sheets" if pictures is not None else "hidden"
    return {
        "notes_class": "notes" if said else "hidden",
        "found_class": "found" if facts.crops.names else "hidden",
        "sheet_class": seen,
        "several_class": seen if (facts.crops.faces > 1).any() else "hidden",
        "faces_class": "plots three" if pictures is not None else "plots",
    }


def _histograms(crops):
    misfits, sides = measured(crops.misfits), measured(crops.sides)
    scores, rolls = measured(crops.scores), measured(crops.rolls)
    low = min(scores.min(initial=0.9), 0.9)
    high = max(np.ceil(np.abs(rolls).max(initial=0) / 10) * 10, 10)
    drawn = {
        "misfit": (misfits, _edges(misfits), "misfit, pixels of the crop"),
        "score": (scores, np.linspace(low, 1, 51), "score of the detector"),
        "size": (sides, _edges(sides), "side of the face's box, pixels"),
        "roll": (rolls, np.linspace(-high, high, 61), "roll, degrees"),
    }
    return {
        f"{name}s": histogram_svg(values, edges, label, name)
        for name, (values, edges, label) in drawn.items()
    }


def _average(facts, pictures):
    if pictures is None or pictures.mean is None:
        return ""
    drawing = average_svg(picture_address(pictures.mean), facts.crop)
    bare = picture_address(pictures.mean)
    of = plural(pictures.averaged, "random crop" if pictures.averaged > 1 else "crop")
    return (
        f'<figure><img class="face" src="{bare}" alt="The average face">'
        f"<figcaption>The average of {of}. Sharp eyes, nose and mouth mean that the "
        f"crops agree.</figcaption></figure><figure>{drawing}<figcaption>The same face "
        "under the template: the rings must sit on the five points.</figcaption>"
        "</figure>"
    )


def _sheet_html(facts, sheet, pictures):
    if pictures is None or not len(sheet.crops):
        return ""
    tiles, size = [], (facts.crop.width, facts.crop.height)
    for index, caption in zip(sheet.crops, sheet.captions, strict=True):
        name = escape(facts.crops.names[index])
        identity, _, file = name.partition("/")
        if file.startswith(identity):  # the end of the name tells more
            file = "…" + file.removeprefix(identity)
        address = pictures.thumbnails.get(int(index))
        picture = '<span class="lost">not readable</span>'
        if address is not None:
            picture = picture_element(address, name, *size)
        value = f"<b>{caption}</b>" if caption else ""
        tiles.append(
            f'<li title="{name}">{picture}{value}<span>{identity}</span>'
            f"<span>{file}</span></li>"
        )
    return f'<ul class="sheet">{"".join(tiles)}</ul>'


def _with_code(note):
    return re.sub("`(.*?)`", r"<code>\1</code>", escape(note))


def _edges(values):
    """Fifty bins from 0 that leave the last thousandth of the values to the end."""
    high = np.quantile(values, 0.999) if len(values) else 1.0
    return np.linspace(0, max(high, 1e-3), 51)
