"""Contact sheets: which crops an audit shows, and their pictures."""

import dataclasses
from pathlib import Path

import numpy as np

from tf_sphereface.data.audit.facts import CollectionFacts
from tf_sphereface.data.audit.measures import CropMeasures
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.errors import InputError
from tf_sphereface.pages.rendering import picture_address
from tf_sphereface.progress import Progress

RANDOM_SHOWN, EXTREMES_SHOWN = 40, 12
_MEAN_OF = 2000  # more crops do not change the average face that people see


@dataclasses.dataclass(frozen=True)
class Sheet:
    """Crops to show side by side.

    Args:
        crops: Int (k,), positions of the crops, in the order to show.
        captions: What is said of each.
    """

    crops: np.ndarray
    captions: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Pictures of the crops, and those that cannot be used.

    Args:
        thumbnails: data: addresses by position of the crop.
        mean: uint8 (height, width, 3), the average face; None if no crop was read.
        averaged: Number of crops in the average.
        unreadable: Names of crops that are missing, damaged or of another size.
    """

    thumbnails: dict[int, str]
    mean: np.ndarray | None
    averaged: int
    unreadable: tuple[str, ...]


def choose_sheets(crops: CropMeasures, seed: int) -> dict[str, Sheet]:
    """Chooses the crops of each sheet; an empty collection has empty sheets.

    Args:
        crops: Measures of the collection.
        seed: Of the random sheet.
    """
    total = len(crops.names)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(total, min(RANDOM_SHOWN, total), replace=False))
    several = np.flatnonzero(crops.faces > 1)
    return {
        "random": Sheet(chosen, ("",) * len(chosen)),
        "score": _sheet(crops.scores, lambda i: f"{crops.scores[i]:.3f}"),
        "size": _sheet(
            crops.sides, lambda i: f"{crops.sides[i]:.0f} px ×{crops.scales[i]:.1f}"
        ),
        "roll": _sheet(-np.abs(crops.rolls), lambda i: f"{crops.rolls[i]:+.0f}°"),
        "misfit": _sheet(-crops.misfits, lambda i: f"{crops.misfits[i]:.1f} px"),
        "confidence": _sheet(
            crops.confidences, lambda i: f"{crops.confidences[i]:.2f}"
        ),
        "faces": _sheet(
            -crops.faces[several], lambda i: f"{crops.faces[i]} faces", several
        ),
    }


def _sheet(order, caption, positions=None):
    """The crops with the smallest values of `order`, equals by name; NaN is none."""
    chosen = np.argsort(order, kind="stable")[: np.count_nonzero(np.isfinite(order))]
    chosen = chosen[:EXTREMES_SHOWN]
    if positions is not None:
        chosen = positions[chosen]
    return Sheet(chosen, tuple(caption(index) for index in chosen))


def take_pictures(
    folder: Path,
    facts: CollectionFacts,
    sheets: dict[str, Sheet],
    seed: int,
    progress: Progress | None = None,
) -> Pictures:
    """Reads the crops of the sheets, and a random sample for the average face.

    Each crop is read once, and one is in memory at a time.

    Args:
        folder: The aligned folder.
        facts: What the manifest says.
        sheets: From `choose_sheets`.
        seed: Of the sample.
        progress: Called with the number of crops read, and to read.
    """
    names, total = facts.crops.names, len(facts.crops.names)
    rng = np.random.default_rng([seed, 1])
    sample = set(rng.choice(total, min(_MEAN_OF, total), replace=False).tolist())
    shown = {int(index) for sheet in sheets.values() for index in sheet.crops}
    thumbnails, unreadable = {}, []
    mean, averaged = np.zeros((facts.crop.height, facts.crop.width, 3)), 0
    wanted = sorted(sample | shown)
    for done, index in enumerate(wanted, start=1):
        crop = _read(folder / names[index], mean.shape)
        if crop is None:
            unreadable.append(names[index])
        else:
            if index in shown:
                thumbnails[index] = picture_address(crop)
            if index in sample:
                mean += crop
                averaged += 1
        if progress is not None:
            progress(done, len(wanted))
    face = np.round(mean / averaged).astype(np.uint8) if averaged else None
    return Pictures(thumbnails, face, averaged, tuple(unreadable))


def _read(path, shape):
    try:
        crop = read_photo(path)
    except InputError:
        return None
    return crop if crop.shape == shape else None
