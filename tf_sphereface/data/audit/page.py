"""audit.html: counts, contact sheets and plots on one self-contained page."""

import re

import numpy as np

from tf_sphereface.data.audit.facts import CollectionFacts
from tf_sphereface.data.audit.notes import lead, notes
from tf_sphereface.data.audit.plots import (
    average_svg,
    groups_svg,
    histogram_svg,
    landmarks_svg,
    people_svg,
)
from tf_sphereface.data.audit.sheets import Pictures, Sheet
from tf_sphereface.pages.markup import (
    cards,
    definition_list,
    escape,
    fill_template,
    picture_address,
    plural,
)

_NAMES_SHOWN = 30
_PEOPLE_SHOWN = 10
_POINTS = (
    "Left eye",
    "Right eye",
    "Nose tip",
    "Left mouth corner",
    "Right mouth corner",
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
    crops, found = facts.crops, len(facts.crops.names) > 0
    counts = np.array([count for _, count in facts.people_sorted()], int)
    said = notes(facts, pictures)
    seen = "sheets" if pictures is not None else "hidden"
    values = {
        "name": escape(name),
        "subtitle": f"{plural(facts.photos, 'photo')}, "
        + plural(len(counts), "person", "people"),
        "headline": lead(facts),
        "notes": "".join(f"<p>{_with_code(note)}</p>" for note in said),
        "notes_class": "notes" if said else "hidden",
        "cards": _cards(facts, counts),
        "dropped": _dropped(facts),
        "sheet_class": seen,
        "several_class": seen if (crops.faces > 1).any() else "hidden",
        "found_class": "found" if found else "hidden",
        "faces_class": "plots three" if pictures and found else "plots",
        "average": _average(facts, pictures),
        "landmarks": landmarks_svg(crops.warped, facts.template, seed),
        "points": _points(facts),
        "misfits": histogram_svg(
            crops.misfits, _edges(crops.misfits), "misfit, pixels of the crop", "misfit"
        ),
        "scores": histogram_svg(
            crops.scores,
            np.linspace(min(crops.scores.min(initial=0.9), 0.9), 1, 51),
            "score of the detector",
            "score",
        ),
        "sizes": histogram_svg(
            crops.sides, _edges(crops.sides), "side of the face's box, pixels", "size"
        ),
        "rolls": histogram_svg(
            crops.rolls, _symmetric(crops.rolls), "roll, degrees", "roll"
        ),
        "groups": groups_svg(counts),
        "people": people_svg(counts),
        "most": _people_table("Most crops", facts.people_sorted()),
        "fewest": _people_table(
            "Fewest crops", sorted(facts.people.items(), key=lambda entry: entry[1])
        ),
        "lists": _people_lists(facts),
        "details": definition_list(details),
    }
    for kind, sheet in sheets.items():
        values[f"sheet_{kind}"] = _sheet_html(crops.names, sheet, pictures)
    return fill_template(__package__, "audit_template.html", values)


def _cards(facts, counts):
    crops, kept = facts.crops, len(facts.crops.names)
    enlarged = np.count_nonzero(crops.scales > 1)
    several = np.count_nonzero(crops.faces > 1)
    return cards(
        [
            ("Photos", f"{facts.photos:,}", "in the folders of people"),
            ("Crops", f"{kept:,}", f"{_share(kept, facts.photos)} of the photos"),
            (
                "Dropped",
                f"{facts.photos - kept:,}",
                f"{_share(facts.photos - kept, facts.photos)}, reasons below",
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
                f"{several:,}",
                "the face nearest the centre was taken",
            ),
            (
                "Misfit",
                f"{np.median(crops.misfits):.1f} px" if kept else "–",
                "median distance of the landmarks from the template",
            ),
        ]
    )


def _dropped(facts):
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


def _average(facts, pictures):
    if pictures is None or pictures.mean is None:
        return ""
    drawing = average_svg(picture_address(pictures.mean), facts.template)
    bare = picture_address(pictures.mean)
    of = plural(pictures.averaged, "random crop" if pictures.averaged > 1 else "crop")
    return (
        f'<figure><img class="face" src="{bare}" alt="The average face">'
        f"<figcaption>The average of {of}. Sharp eyes, nose and mouth mean that the "
        f"crops agree.</figcaption></figure><figure>{drawing}<figcaption>The same face "
        "under the template: the rings must sit on the five points.</figcaption>"
        "</figure>"
    )


def _points(facts):
    offsets = facts.crops.warped - facts.template
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


def _people_table(title, people):
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{count:,}</td></tr>'
        for name, count in people[:_PEOPLE_SHOWN]
    )
    return (
        f'<div class="table"><table><thead><tr><th scope="col">{title}</th>'
        f'<th scope="col">Crops</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _people_lists(facts):
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


def _sheet_html(names, sheet, pictures):
    if pictures is None or not len(sheet.crops):
        return ""
    tiles = []
    for index, caption in zip(sheet.crops, sheet.captions, strict=True):
        name = escape(names[index])
        identity, _, file = name.partition("/")
        if file.startswith(identity):  # the end of the name tells more
            file = "…" + file.removeprefix(identity)
        address = pictures.thumbnails.get(int(index))
        picture = '<span class="lost">not readable</span>'
        if address is not None:
            picture = f'<img src="{address}" alt="{name}" width="96" height="112">'
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


def _symmetric(values):
    high = max(np.ceil(np.abs(values).max(initial=0) / 10) * 10, 10)
    return np.linspace(-high, high, 61)


def _share(count, total):
    return f"{100 * count / total:.1f} %" if total else "0 %"
