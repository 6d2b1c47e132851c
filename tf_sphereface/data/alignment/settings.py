"""Settings that decide about the crops, as align.json records them."""

import dataclasses
import hashlib
from pathlib import Path

from tf_sphereface.data.alignment.crops import CHOICE_RECORDS, INSIGHTFACE_CROP
from tf_sphereface.data.alignment.photo_aligner import JPEG_QUALITY
from tf_sphereface.data.alignment.vote import VotingModelFile
from tf_sphereface.detection import NETWORK_NAMES, MTCNNSettings
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import DEFAULT_CROP, CropGeometry, landmark_template

_JPEG = {"format": "JPEG", "quality": JPEG_QUALITY}


def crop_of_size(
    height: int, width: int, fit: str = "crop", template: str = "scaled"
) -> CropGeometry:
    """`CropGeometry` of what a user asked for.

    Args:
        height: Rows, pixels.
        width: Columns, pixels.
        fit: One of `FITS`.
        template: Rule of `landmark_template`.

    Raises: InputError if there are no such crops.
    """
    try:
        points = landmark_template(height, width, template)
        return CropGeometry(height, width, points, fit)
    except ValueError as error:
        raise InputError(f"no crops of {height} x {width}: {error}") from error


def parse_size(text: str, fit: str = "crop", template: str = "scaled") -> CropGeometry:
    """The crops of a size "HEIGHTxWIDTH", pixels; the rest as for `crop_of_size`.

    Raises: InputError if it is no such size.
    """
    height, _, width = text.partition("x")
    # Four digits are enough, and a thousand of them are no number for Python.
    if not all(side.isdecimal() and len(side) <= 4 for side in (height, width)):
        raise InputError(
            f"--size must be HEIGHTxWIDTH, such as 112x96. Received: {text!r:.40}"
        )
    return crop_of_size(int(height), int(width), fit, template)


def detected(
    settings: MTCNNSettings,
    networks: Path,
    choice: str,
    crop: CropGeometry = DEFAULT_CROP,
    last_resort: str = "none",
    voting_model: VotingModelFile | None = None,
) -> dict:
    """The record of crops of faces that the detector finds."""
    digest = hashlib.sha256()
    for name in NETWORK_NAMES:
        digest.update((networks / f"{name}.tflite").read_bytes())
    detector = {"name": "MTCNN", **dataclasses.asdict(settings)}
    detector["thresholds"] = list(settings.thresholds)
    detector["second_thresholds"] = list(settings.second_thresholds)
    detector["last_resort"] = last_resort
    detector["networks_sha256"] = digest.hexdigest()
    record = _record(crop, _JPEG, CHOICE_RECORDS[choice], detector)
    if voting_model is not None:
        record["voting_model_sha256"] = voting_model.sha256
    return record


def given_landmarks(crop: CropGeometry = DEFAULT_CROP) -> dict:
    """The record of crops of faces whose landmarks are given."""
    detector = {"name": "given landmarks"}
    return _record(crop, _JPEG, "the one given", detector)


def aligned_before(crop: CropGeometry = DEFAULT_CROP) -> dict:
    """The record of crops that are InsightFace's, or cut out of them."""
    cut = "columns 9 to 104, rows 1 to 111 and the last again"
    whole = crop == INSIGHTFACE_CROP
    detector = {"name": "InsightFace's own", "cut": "none" if whole else cut}
    return _record(crop, {"format": "PNG"}, "the one given", detector)


def _record(crop, encoding, choice, detector):
    return {
        "crop": {
            "height": crop.height,
            "width": crop.width,
            **crop.kind,
            "channel_order": "RGB",
            **encoding,
        },
        "choice": choice,
        "detector": detector,
    }
