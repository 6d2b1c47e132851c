"""People held out of the training records, to be verified on."""

import dataclasses
import hashlib
from pathlib import Path

from tf_sphereface.data.aligned.crops import CropSelection, read_crop
from tf_sphereface.data.photos.names import identity_key, identity_of
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_inside
from tf_sphereface.geometry import CropGeometry

HOLDOUT_NAME = "holdout"  # folder of crops beside the shards


def hold_out(
    chosen: CropSelection, holdout: int | float, seed: int
) -> tuple[CropSelection, tuple[str, ...]]:
    """Takes whole identities out of a selection.

    Which ones depends on seed and name only, by SHA-256, so that the draw is the same
    on every machine and changes little when people are added.

    Args:
        chosen: Crops of all identities.
        holdout: Number of identities (an int), or their share in (0, 1) (a float),
            rounded to a whole number.
        seed: Of the draw.

    Returns: The selection of the others, and the crops "IDENTITY/FILE" held out.
    Raises: InputError unless two identities, as pairs and classes need, are on each
        side.
    """
    total = len(chosen.identities)
    count = holdout
    if isinstance(holdout, float):
        if not 0 < holdout < 1:
            raise InputError(
                "holdout_identities must be a number of people, or a share between 0 "
                f"and 1. Received: {holdout}"
            )
        count = round(holdout * total)
    if not 2 <= count <= total - 2:
        raise InputError(
            "holdout_identities must hold out 2 people or more and leave 2 or more of "
            f"{total}. Received: {holdout}"
        )

    def rank(identity):
        text = f"{seed}\n{identity_key(identity)}"
        return hashlib.sha256(text.encode()).digest(), identity

    held = set(sorted(chosen.identities, key=rank)[:count])
    kept = dataclasses.replace(
        chosen,
        crops=tuple(name for name in chosen.crops if identity_of(name) not in held),
        identities=tuple(name for name in chosen.identities if name not in held),
    )
    crops = tuple(name for name in chosen.crops if identity_of(name) in held)
    return kept, crops


def copy_holdout(
    aligned: Path, crops: tuple[str, ...], folder: Path, geometry: CropGeometry
) -> None:
    """Copies crops to FOLDER/IDENTITY/FILE, as `pairs` and `evaluate` read them.

    Raises: InputError if a crop is unusable, as `read_crop`.
    """
    for identity in set(map(identity_of, crops)):
        (folder / identity).mkdir(mode=0o700, parents=True)
    for name in crops:
        content = read_crop(aligned / name, geometry.height, geometry.width)
        # The folder of all records is synced when it is whole.
        write_inside(folder, name, content, private=True, synced=False)
