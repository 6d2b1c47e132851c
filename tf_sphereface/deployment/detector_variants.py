"""The face detector's variants, each compared with the Keras cascade."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

from tf_sphereface.bundle.contract import file_record
from tf_sphereface.bundle.records import (
    DetectorDrift,
    DetectorRecord,
    DetectorVariant,
    Gate,
)
from tf_sphereface.deployment.detector_drift import (
    DetectorLimits,
    detector_gate,
    measure_detector_drift,
)
from tf_sphereface.deployment.detector_photos import DetectorPhotos
from tf_sphereface.deployment.detector_quantization import (
    DETECTOR_VARIANTS,
    calibration_crops,
    write_detector_variant,
)
from tf_sphereface.detection import (
    MTCNN,
    NETWORK_NAMES,
    LiteRTNetworks,
    MTCNNSettings,
    cached_networks,
    load_detector,
)
from tf_sphereface.errors import InputError

_FEWEST_FACES = 20
_PHOTOS_TOGETHER = 16


@dataclasses.dataclass(frozen=True)
class CheckedDetector:
    """A variant of the detector, on its way into a bundle.

    Args:
        path: Folder with pnet.tflite, rnet.tflite and onet.tflite.
        drift: Against the Keras cascade.
        gate: Whether the drift is within the limits.
    """

    path: Path
    drift: DetectorDrift
    gate: Gate


def make_detectors(
    directory: Path,
    variants: Sequence[str],
    photos: DetectorPhotos,
    settings: MTCNNSettings | None = None,
    limits: DetectorLimits | None = None,
) -> dict[str, CheckedDetector]:
    """Writes variants of the detector and compares each with the Keras cascade.

    There is no "int8-io": the cascade reckons with real offsets and probabilities, and
    the accelerators that want integers only want fixed sizes too, which the pyramid
    does not have. Nor is there "int4": it saves 0.24 MB against "dynamic", is not
    faster, and moves the landmarks by 0.056 of the eyes' distance.

    Args:
        directory: Gets a folder for each variant, of its name.
        variants: Some of `DETECTOR_VARIANTS`.
        photos: To calibrate and compare with.
        settings: Of the cascade; None is `MTCNNSettings()`.
        limits: Of the gate; None is `DetectorLimits()`.

    Returns: By name. One beyond the limits is there too, with a gate that says so.
    Raises: InputError if there is no such variant, or the Keras cascade finds too few
        faces in the photos.
    """
    _check_variants(variants)
    limits = DetectorLimits() if limits is None else limits
    source = cached_networks()
    crops = {}
    if "int8" in variants:
        crops = calibration_crops(LiteRTNetworks(source), photos.calibration, settings)
    reference = _reference_faces(photos.compared, settings)
    checked = {}
    for name in variants:
        folder = directory / name
        folder.mkdir(parents=True, exist_ok=True)
        write_detector_variant(folder, source, name, crops)
        faces = _find_faces(load_detector(folder, settings), photos.compared)
        drift = measure_detector_drift(reference, faces)
        checked[name] = CheckedDetector(folder, drift, detector_gate(drift, limits))
    return checked


def add_detectors(
    bundle: Path,
    detectors: dict[str, CheckedDetector],
    default_variant: str,
    settings: MTCNNSettings,
) -> DetectorRecord:
    """Copies detectors into the folder of a bundle, and gives what its contract says.

    The float files go to detector/, those of another variant to detector/VARIANT/.
    """
    records = {}
    for variant, detector in detectors.items():
        place = "detector" if variant == "none" else f"detector/{variant}"
        (bundle / place).mkdir(parents=True, exist_ok=True)
        for name in NETWORK_NAMES:
            shutil.copy(detector.path / f"{name}.tflite", bundle / place)
        records[variant] = DetectorVariant(
            files={
                name: file_record(bundle, f"{place}/{name}.tflite")
                for name in NETWORK_NAMES
            },
            drift=detector.drift,
            gate=detector.gate,
        )
    return DetectorRecord(
        variants=records,
        default_variant=default_variant,
        settings=dataclasses.asdict(settings),
    )


def _check_variants(variants):
    for name in variants:
        if name not in DETECTOR_VARIANTS:
            raise InputError(
                f"no variant {name!r} of the detector; there is: "
                + ", ".join(DETECTOR_VARIANTS)
            )


def _reference_faces(photos, settings):
    from tf_sphereface.detection.networks import KerasNetworks

    faces = _find_faces(MTCNN(KerasNetworks(), settings), photos)
    count = sum(map(len, faces))
    if count < _FEWEST_FACES:
        raise InputError(
            f"too few faces to compare detectors with: {count} in {len(photos)} "
            f"photos, at least {_FEWEST_FACES} are needed"
        )
    return faces


def _find_faces(detector, photos):
    faces = []
    for start in range(0, len(photos), _PHOTOS_TOGETHER):
        faces.extend(detector.detect(photos[start : start + _PHOTOS_TOGETHER]))
    return faces
