"""What decides about the crops, as align.json records it."""

import dataclasses
import hashlib
from pathlib import Path

from tf_sphereface import geometry
from tf_sphereface.data.face_choice import CHOICE_RECORDS
from tf_sphereface.data.photo_aligner import JPEG_QUALITY
from tf_sphereface.detection import NETWORK_NAMES, MTCNNSettings

_JPEG = {"format": "JPEG", "quality": JPEG_QUALITY}


def detected(settings: MTCNNSettings, networks: Path, choice: str) -> dict:
    """The record of crops of faces that the detector finds."""
    digest = hashlib.sha256()
    for name in NETWORK_NAMES:
        digest.update((networks / f"{name}.tflite").read_bytes())
    detector = {"name": "MTCNN", **dataclasses.asdict(settings)}
    detector["thresholds"] = list(settings.thresholds)
    if not settings.package_arithmetic:
        del detector["package_arithmetic"]  # folders of earlier versions stay valid
    detector["networks_sha256"] = digest.hexdigest()
    return _record(_JPEG, CHOICE_RECORDS[choice], detector)


def given_landmarks() -> dict:
    """The record of crops of faces whose landmarks are given."""
    detector = {"name": "given landmarks"}
    return _record(_JPEG, "the one given", detector)


def aligned_before() -> dict:
    """The record of crops that are cut out of InsightFace's."""
    detector = {
        "name": "InsightFace's own",
        "cut": "columns 9 to 104, rows 1 to 111 and the last again",
    }
    return _record({"format": "PNG"}, "the one given", detector)


def _record(encoding, choice, detector):
    return {
        "crop": {
            "height": geometry.CROP_HEIGHT,
            "width": geometry.CROP_WIDTH,
            "template": geometry.LANDMARK_TEMPLATE.tolist(),
            "channel_order": "RGB",
            **encoding,
        },
        "choice": choice,
        "detector": detector,
    }
