"""align.json: the settings under which an aligned folder was made."""

import json
import math
from pathlib import Path

from tf_sphereface.detection import EARLIER_RULES
from tf_sphereface.errors import InputError
from tf_sphereface.files import entries, write_atomically
from tf_sphereface.geometry import CROP_HEIGHT, CROP_WIDTH, CropGeometry

SETTINGS_NAME = "align.json"
LOCK_NAME = ".align.lock"
_SAME_PLACE = 0.25  # pixels between landmarks that are taken for the same
_FIRST_FIT = "crop"  # of all folders that do not say


def are_settings(settings: object) -> bool:
    """True if the content of align.json has the form that its readers expect."""
    if not isinstance(settings, dict):
        return False
    crop, detector = settings.get("crop", {}), settings.get("detector", {})
    if not (isinstance(crop, dict) and isinstance(detector, dict)):
        return False
    try:
        described_crop(settings)
    except (TypeError, ValueError):
        return False
    return True


def described_crop(
    settings: dict, height: int = CROP_HEIGHT, width: int = CROP_WIDTH
) -> CropGeometry:
    """The crops of which settings in align.json are.

    Args:
        settings: Of a folder; empty if it has none.
        height: Rows, pixels, if the settings do not say.
        width: Columns, pixels, likewise.

    Raises: ValueError or TypeError if there are no such crops.
    """
    said = settings.get("crop", {})
    return CropGeometry(
        said.get("height", height),
        said.get("width", width),
        said.get("template"),
        said.get("fit", _FIRST_FIT),
    )


def recorded_crop(folder: Path) -> CropGeometry | None:
    """The crops of a folder, by its align.json; None if it does not say their size.

    Raises: InputError if the file is damaged.
    """
    settings = read_alignment_settings(folder) or {}
    if {"height", "width"} <= settings.get("crop", {}).keys():
        return described_crop(settings)
    return None


def differing_crops(found: CropGeometry, wanted: CropGeometry) -> str | None:
    """Words on what tells crops of one size apart, or None.

    Args:
        found: What a folder holds.
        wanted: What a network takes.
    """
    if found.fit != wanted.fit:
        return (
            f"their least squares are in the {found.fit}, not in the {wanted.fit} "
            f"(`align --fit {wanted.fit}`)"
        )
    apart = max(
        math.dist(ours, theirs)
        for ours, theirs in zip(found.template, wanted.template, strict=True)
    )
    if apart > _SAME_PLACE:
        return (
            f"their landmarks are up to {apart:.1f} pixels apart (`align --template`)"
        )
    return None


def agree_on_settings(folder: Path, settings: dict, version: str) -> None:
    """Writes align.json into a new folder, or compares it with an older run's.

    Args:
        folder: The aligned folder; made if it is missing.
        settings: What decides about the crops; JSON values.
        version: The library's version, recorded and not compared.

    Raises: InputError if the folder has crops of other settings, or other files.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / SETTINGS_NAME
    if path.exists():
        known = read_alignment_settings(folder)
        earlier = json.loads(json.dumps({**EARLIER_RULES, "last_resort": "none"}))
        unsaid = _flat({"crop": {"fit": _FIRST_FIT}, "detector": earlier})
        new, old = unsaid | _flat(settings), unsaid | _flat(known)
        differing = [k for k in sorted(new | old) if new.get(k) != old.get(k)]
        if differing:
            # A number says more than ten: the size of crops, not their template.
            name = min(differing, key=lambda k: isinstance(new.get(k), list))
            raise InputError(
                f"{folder} was aligned with other settings: {name} is "
                f"{old.get(name)!r} there, and {new.get(name)!r} now; "
                "take another --out, or the same settings"
            )
        return
    if any(path.name != LOCK_NAME for path in entries(folder)):
        raise InputError(f"--out must be new, empty or an aligned folder: {folder}")
    record = {"library_version": version, "settings": settings}
    write_atomically(path, json.dumps(record, indent=2).encode() + b"\n")


def read_alignment_settings(folder: Path) -> dict | None:
    """The settings in align.json; None if there is no such file.

    Raises: InputError if the file is damaged.
    """
    path = folder / SETTINGS_NAME
    if not path.exists():
        return None
    try:
        settings = json.loads(path.read_bytes())["settings"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"damaged settings of an aligned folder: {path}") from error
    if not are_settings(settings):
        raise InputError(f"damaged settings of an aligned folder: {path}")
    return settings


def _flat(settings, prefix=""):
    flat = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
