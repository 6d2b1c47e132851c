"""Checks of `align_photos` before it writes anything."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tf_sphereface.data.alignment.crops import (
    ALIGNMENT_CHOICES,
    INSIGHTFACE_CROP,
    LAST_RESORTS,
    crop_name,
)
from tf_sphereface.data.alignment.vote import CONSISTENT, VotingModelFile
from tf_sphereface.data.photos.names import refuse_merging, split_name
from tf_sphereface.data.sources import PhotoSource
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import DEFAULT_CROP, CropGeometry

_LONGEST_NAME = 255  # bytes, of file systems


def refuse_nesting(source: Path, out: Path) -> None:
    """Raises: InputError if one of the folders lies inside the other."""
    inner, outer = out.resolve(), source.resolve()
    if not source.is_dir() and inner != outer:
        return
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise InputError(
            f"--out must be apart from the photos' folder {source}, neither inside "
            f"nor around it. Received: {out}"
        )


def check_options(
    source: PhotoSource,
    choice: str,
    landmarks: Mapping | None,
    crop: CropGeometry = DEFAULT_CROP,
    last_resort: str = "none",
    voting_model: VotingModelFile | None = None,
) -> None:
    """Raises: InputError if options of `align_photos` exclude each other."""
    if choice not in ALIGNMENT_CHOICES:
        raise InputError(
            f"choice must be one of {ALIGNMENT_CHOICES}. Received: {choice!r}"
        )
    if last_resort not in LAST_RESORTS:
        raise InputError(
            f"last_resort must be one of {LAST_RESORTS}. Received: {last_resort!r}"
        )
    if last_resort != "none" and (source.aligned or landmarks is not None):
        raise InputError("no face is looked for: there is no last resort")
    if (choice == CONSISTENT) != (voting_model is not None):
        raise InputError(
            "--choose consistent and --choose-model MODEL go together. Received: "
            f"{choice!r} with{'out' if voting_model is None else ''} a model"
        )
    if source.aligned and (landmarks is not None or choice != "centre"):
        raise InputError(
            f"{source.path} holds aligned faces: no landmarks and no choice of faces "
            "can be applied"
        )
    if source.aligned and crop.fit != DEFAULT_CROP.fit:
        raise InputError(f"{source.path} holds aligned faces: they are not fitted anew")
    if source.aligned and crop not in (DEFAULT_CROP, INSIGHTFACE_CROP):
        raise InputError(
            f"{source.path} holds faces aligned at {INSIGHTFACE_CROP}: the crops must "
            f"be {INSIGHTFACE_CROP}, uncut, or {DEFAULT_CROP}. Received: {crop}"
        )
    if landmarks is not None and choice != "centre":
        raise InputError("with given landmarks, there is no choice of faces")


def check_names(
    names: Sequence[str], source: PhotoSource, choice: str, landmarks: Mapping | None
) -> None:
    """Raises: InputError if there is nothing to do, or if crops' names would meet."""
    if not names:
        raise InputError(f"all identities of {source.path} are excluded")
    refuse_merging(names, "photos", saved_as=crop_name)
    _refuse_long(names, choice)
    if choice == "all":
        crops = {crop_name(name) for name in names}
        for name in names:
            base, mark, number = crop_name(name)[: -len(".jpg")].rpartition("#")
            if mark and number.isdigit() and f"{base}.jpg" in crops:
                raise InputError(
                    f"the crop of {name!r} could be that of a further face in "
                    f"{base!r}; rename it"
                )
    if landmarks is not None and landmarks.keys().isdisjoint(names):
        raise InputError(
            f"no photo of {source.path} has landmarks; name them IDENTITY/FILE, such "
            f"as {names[0]!r}"
        )


def _refuse_long(names, choice):
    longest = 99 if choice == "all" else 1  # number of a face
    for name in names:
        crop = split_name(crop_name(name, longest))[1]
        if len(crop.encode()) > _LONGEST_NAME:
            raise InputError(
                f"too long a name: its crop's would have more than {_LONGEST_NAME} "
                f"bytes. Received: {name!r}"
            )
