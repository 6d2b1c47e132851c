"""Figures, lists and tables of an audit, as texts."""

import numpy as np

from tf_sphereface.data.alignment.crops import CHOICE_RECORDS
from tf_sphereface.data.audit.measures import measured

_PEOPLE_SHOWN = 10
_POINTS = (
    "Left eye",
    "Right eye",
    "Nose tip",
    "Left mouth corner",
    "Right mouth corner",
)


_CHOICES = {
    CHOICE_RECORDS["centre"]: "the face nearest the centre was taken",
    CHOICE_RECORDS["largest"]: "the largest face was taken",
    CHOICE_RECORDS["all"]: "each of their faces was taken",
    CHOICE_RECORDS["consistent"]: "the face that most photos of the person share was "
    "taken, or that nearest the centre where the vote did not tell",
}


def summary_cards(facts, counts):
    """The figures at the top: heading, figure and explanation."""
    crops, kept = facts.crops, len(facts.crops.names)
    enlarged = np.count_nonzero(crops.scales > 1)
    misfits = measured(crops.misfits)
    dropped = facts.photos_dropped()
    return [
        ("Photos", f"{facts.photos:,}", "in the folders of people"),
        (
            "Crops",
            f"{kept:,}",
            f"of {_share(facts.photos - dropped, facts.photos)} of the photos",
        ),
        (
            "Dropped",
            f"{dropped:,}",
            f"{_share(dropped, facts.photos)}, reasons below",
        ),
        (
            "People with a crop",
            f"{len(counts):,}",
            f"half have {np.median(counts):g} or fewer, one has {counts.max():,}"
            if kept
            else "there is no crop",
        ),
        (
            "People with one crop",
            f"{np.count_nonzero(counts == 1):,}",
            "no second face to compare theirs with",
        ),
        (
            "Enlarged crops",
            f"{enlarged:,}",
            f"{_share(enlarged, kept)}: the face is smaller than its crop",
        ),
        (
            "Photos with several faces",
            f"{facts.several_faces:,}",
            _CHOICES.get(facts.settings.get("choice"), "one face was taken"),
        ),
        (
            "Misfit",
            f"{np.median(misfits):.1f} px" if len(misfits) else "–",
            "median distance of the landmarks from the template",
        ),
    ]


def dropped_photos(facts):
    """(reason, photos, share of all photos) of the photos without a crop."""
    return [
        (reason, photos, _share(len(photos), facts.photos))
        for reason, photos in facts.dropped.items()
    ]


def point_rows(facts):
    """Rows of the table of landmarks: name, mean offset x and y, spread."""
    offsets = measured(facts.crops.warped) - np.array(facts.crop.template)
    if not len(offsets):
        return []
    rows = []
    for name, offset in zip(_POINTS, np.moveaxis(offsets, 1, 0), strict=True):
        x, y = offset.mean(axis=0)
        spread = np.sqrt(np.square(offset - offset.mean(axis=0)).sum(axis=1).mean())
        rows.append((name, f"{x:+.2f}", f"{y:+.2f}", f"{spread:.2f}"))
    return rows


def people_rows(people):
    """The first people and their numbers of crops."""
    return [(name, f"{count:,}") for name, count in people[:_PEOPLE_SHOWN]]


def people_lists(facts):
    """(title, names) of the people with one crop or none; no list is empty."""
    single = [name for name, count in facts.people.items() if count == 1]
    lists = [
        ("People with one crop", single),
        ("People without a crop: none of their photos gave a face", facts.without_crop),
    ]
    return [(title, names) for title, names in lists if names]


def _share(count, total):
    return f"{100 * count / total:.1f} %" if total else "0 %"
