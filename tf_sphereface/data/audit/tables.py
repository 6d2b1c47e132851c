"""The figures, lists and tables of an audit, as HTML."""

import numpy as np

from tf_sphereface.data.alignment.crops import CHOICE_RECORDS
from tf_sphereface.data.audit.measures import measured
from tf_sphereface.pages.markup import cards, escape, plural

_NAMES_SHOWN = 30
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
}


def summary_cards(facts, counts):
    """The figures at the top, HTML."""
    crops, kept = facts.crops, len(facts.crops.names)
    enlarged = np.count_nonzero(crops.scales > 1)
    misfits = measured(crops.misfits)
    dropped = facts.photos_dropped()
    return cards(
        [
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
    )


def dropped_list(facts):
    """Photos without a crop by reason, HTML."""
    if not facts.dropped:
        return "<p>None: every photo has a crop.</p>"
    parts = []
    for reason, photos in facts.dropped.items():
        items = "".join(f"<li>{escape(photo)}</li>" for photo in photos[:_NAMES_SHOWN])
        if len(photos) > _NAMES_SHOWN:
            more = len(photos) - _NAMES_SHOWN
            items += f"<li>and {more:,} more: see manifest.csv</li>"
        parts.append(
            f"<details{' open' if len(photos) <= 10 else ''}><summary>"
            f"<strong>{escape(reason)}</strong>: {plural(len(photos), 'photo')} "
            f"({_share(len(photos), facts.photos)})</summary>"
            f'<ul class="names">{items}</ul></details>'
        )
    return "".join(parts)


def point_rows(facts):
    """Rows of the table of landmarks, HTML."""
    offsets = measured(facts.crops.warped) - np.array(facts.crop.template)
    if not len(offsets):
        return ""
    rows = []
    for name, offset in zip(_POINTS, np.moveaxis(offsets, 1, 0), strict=True):
        x, y = offset.mean(axis=0)
        spread = np.sqrt(np.square(offset - offset.mean(axis=0)).sum(axis=1).mean())
        rows.append(
            f'<tr><th scope="row">{name}</th><td>{x:+.2f}</td><td>{y:+.2f}</td>'
            f"<td>{spread:.2f}</td></tr>"
        )
    return "".join(rows)


def people_table(title, people):
    """A table of some people and their numbers of crops, HTML."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{count:,}</td></tr>'
        for name, count in people[:_PEOPLE_SHOWN]
    )
    return (
        f'<div class="table"><table><thead><tr><th scope="col">{title}</th>'
        f'<th scope="col">Crops</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def people_lists(facts):
    """Lists of the people with one crop or none, HTML."""
    single = [name for name, count in facts.people.items() if count == 1]
    lists = [
        ("People with one crop", single),
        ("People without a crop: none of their photos gave a face", facts.without_crop),
    ]
    parts = []
    for title, names in lists:
        if names:
            shown = ", ".join(escape(name) for name in names[:_NAMES_SHOWN])
            more = len(names) - _NAMES_SHOWN
            rest = f" and {more:,} more" if more > 0 else ""
            parts.append(
                f"<details><summary><strong>{title}</strong>: {len(names):,}</summary>"
                f'<p class="names">{shown}{rest}</p></details>'
            )
    return "".join(parts)


def _share(count, total):
    return f"{100 * count / total:.1f} %" if total else "0 %"
