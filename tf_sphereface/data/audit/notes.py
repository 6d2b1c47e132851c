"""Words of an audit: the headline, and the notes."""

import numpy as np

from tf_sphereface.data.aligned.manifest import TEMPLATE
from tf_sphereface.data.audit.facts import CollectionFacts
from tf_sphereface.data.audit.sheets import Pictures
from tf_sphereface.detection import SECOND_LOOK
from tf_sphereface.geometry import CROP_HEIGHT
from tf_sphereface.pages.rendering import plural

# Shares and sizes above which the page speaks up. They are a matter of taste: what a
# training takes harm from depends on the training.
_DROPPED_SHARE, _ENLARGED_SHARE, _SINGLE_SHARE = 0.05, 0.05, 0.25
_ENLARGED = 2.0  # pixels of the crop for a pixel of the photo
_MISFIT = 8.0  # pixels of a crop 112 px high, in which the eyes are 35 px apart
_ROLL = 60.0  # degrees; upright photos of upright people have less


def lead(facts: CollectionFacts) -> tuple[str, str]:
    """The headline: its words in bold, and the others."""
    kept, photos = len(facts.crops.names), plural(facts.photos, "photo")
    if not kept:
        return "No face was found", f" in {photos}: there is nothing to train on."
    people = plural(len(facts.people), "person", "people")
    dropped = facts.photos_dropped()
    used = facts.photos - dropped
    text = f" gave an aligned face, of {people}. {dropped:,} did not."
    if used != kept:
        text += f" There are {kept:,} faces in all."
    return f"{used:,} of {photos}", text


def notes(facts: CollectionFacts, pictures: Pictures | None) -> list[str]:
    """Sentences on what is worth a look; commands are in `backquotes`."""
    found = [*_run_notes(facts, pictures), *_crop_notes(facts)]
    single = sum(count == 1 for count in facts.people.values())
    if single > _SINGLE_SHARE * max(len(facts.people), 1):
        found.append(
            f"{single:,} of {plural(len(facts.people), 'person', 'people')} "
            "have one crop: it trains as an identity of its own, but no genuine pair "
            "comes of it. `sphereface records --min-images 2` leaves them out."
        )
    return found


def _run_notes(facts, pictures):
    found = []
    if not facts.complete:
        found.append(
            "The alignment was interrupted: this page shows the photos done so far. "
            "Give the same `sphereface align` command again."
        )
    dropped = facts.photos_dropped()
    if dropped > _DROPPED_SHARE * facts.photos:
        found.append(
            f"{100 * dropped / facts.photos:.0f} % of the photos have no crop. "
            "The names are below, by reason."
        )
    if pictures is not None and pictures.unreadable:
        first = ", ".join(pictures.unreadable[:3])
        found.append(
            f"{plural(len(pictures.unreadable), 'crop')} of those read "
            f"cannot be used (missing, damaged or of another size): {first}. "
            "`sphereface align` makes missing ones again."
        )
    return found


def _crop_notes(facts):
    crops, total = facts.crops, max(len(facts.crops.names), 1)
    found = []
    enlarged = np.count_nonzero(crops.scales > _ENLARGED)
    if enlarged > _ENLARGED_SHARE * total:
        found.append(
            f"{plural(enlarged, 'face')} ({100 * enlarged / total:.0f} %) "
            f"were enlarged more than {_ENLARGED:g} times: they are blurred. "
            "`--smallest-face` can leave small faces out."
        )
    misfit = _MISFIT * facts.crop.height / CROP_HEIGHT
    askew = np.count_nonzero(crops.misfits > misfit)
    if askew:
        found.append(
            f"The landmarks of {plural(askew, 'crop')} are more than {misfit:.3g} px "
            "off the template: profiles, or things that are not faces. See the misfits."
        )
    if second := facts.found_by[SECOND_LOOK]:
        found.append(
            f"Found by a second look, with lower thresholds: {plural(second, 'crop')}. "
            "There may be no face in them."
        )
    if middle := facts.found_by[TEMPLATE]:
        found.append(
            f"Of the middle of a photo in which no face was found: "
            f"{plural(middle, 'crop')}. `sphereface records` leaves them out."
        )
    turned = np.count_nonzero(np.abs(crops.rolls) > _ROLL)
    if turned:
        found.append(
            f"{plural(turned, 'face')} lay more than {_ROLL:g}° askew in the photo: "
            "photos stored sideways, or things that are not faces. See the rolls."
        )
    return found
