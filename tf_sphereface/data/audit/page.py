"""audit.html: counts, contact sheets and plots on one self-contained page."""

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
    dropped_photos,
    people_lists,
    people_rows,
    point_rows,
    summary_cards,
)
from tf_sphereface.pages.rendering import picture_address, render_page


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
        facts: Counts of the manifest.
        sheets: Which crops to show.
        pictures: Of the crops; None shows none.
        details: Names and texts of the last section.
        seed: Of the random samples.
    """
    counts = np.array([count for _, count in facts.people_sorted()], int)
    return render_page(
        "data/audit/audit.html",
        heading=name,
        faces=pictures is not None,
        photos=facts.photos,
        people_with_crops=len(counts),
        lead=lead(facts),
        notes=notes(facts, pictures),
        cards=summary_cards(facts, counts),
        dropped=dropped_photos(facts),
        sheets=_sheets(facts, sheets, pictures),
        average=_average(facts, pictures),
        landmarks=landmarks_svg(measured(facts.crops.warped), facts.crop, seed),
        points=point_rows(facts),
        histograms=_histograms(facts.crops),
        groups=groups_svg(counts),
        people=people_svg(counts),
        most=people_rows(facts.people_sorted()),
        fewest=people_rows(facts.people_sorted(fewest=True)),
        lists=people_lists(facts),
        details=details,
    )


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
        name: histogram_svg(values, edges, label, name)
        for name, (values, edges, label) in drawn.items()
    }


def _average(facts, pictures):
    if pictures is None or pictures.mean is None:
        return None
    address = picture_address(pictures.mean)
    return {
        "address": address,
        "drawing": average_svg(address, facts.crop),
        "number": pictures.averaged,
    }


def _sheets(facts, sheets, pictures):
    """(name, picture, caption) of the crops of each sheet; None shows no crop."""
    if pictures is None:
        return None
    size = {"width": facts.crop.width, "height": facts.crop.height}
    shown = {
        index: {"address": address, **size}
        for index, address in pictures.thumbnails.items()
    }
    return {
        kind: [
            (facts.crops.names[index], shown.get(int(index)), caption)
            for index, caption in zip(sheet.crops, sheet.captions, strict=True)
        ]
        for kind, sheet in sheets.items()
    }


def _edges(values):
    """Fifty bins from 0 that leave the last thousandth of the values to the end."""
    high = np.quantile(values, 0.999) if len(values) else 1.0
    return np.linspace(0, max(high, 1e-3), 51)
