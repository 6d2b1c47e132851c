"""The detector against the `mtcnn` package, and its TFLite against its Keras networks.

Finds the face nearest the centre of each photo with the package, with our cascade at
the package's settings, with its arithmetic and with our own, and with our cascade on
Keras networks. Prints the share of faces that agree, and the distances of
their landmarks.

    python benchmarks/detector_parity.py --photos PHOTOS --count 1000
"""

import argparse
import json
import os
import random
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

ROOT = Path(__file__).parents[1]
SEED = 0
SAME_FACE = 0.95  # intersection over union
# What is asked: share of same faces, landmark distances in pixels.
LEAST_SHARE, MEDIAN, PERCENTILE_99, KERAS = 0.995, 0.5, 2.0, 0.01


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=Path, required=True, help="IDENTITY/PHOTO")
    parser.add_argument("--count", type=int, default=1000, help="photos, at random")
    return parser


def choose_photos(folder, count):
    from tf_sphereface.data.photos.folders import list_photos

    names = list_photos(folder).photos
    return random.Random(SEED).sample(names, min(count, len(names)))


def package_detector():
    """A function of a photo: the faces that the package finds."""
    from mtcnn import MTCNN

    from tf_sphereface.detection import Face

    detector = MTCNN()

    def detect(photo):
        rows = detector.detect_faces(
            [photo], output_type="numpy", box_format="xyxy", fit_to_image=False
        )
        return [Face(row[1:5], row[5], row[6:].reshape(2, 5).T) for row in rows]

    return detect


def our_detector(networks, arithmetic):
    from tests.detection.package_arithmetic import PACKAGE_SETTINGS
    from tf_sphereface.detection import MTCNN

    detector = MTCNN(networks, PACKAGE_SETTINGS, arithmetic)
    return lambda photo: detector.detect([photo])[0]


def compare(pairs):
    """Figures of (face, face or None) pairs; a face that one has alone is a miss."""
    from tf_sphereface.detection.boxes import overlap

    overlaps, distances = [], []
    for one, other in pairs:
        if one is None and other is None:
            continue
        if one is None or other is None:
            overlaps.append(0.0)
            continue
        overlaps.append(overlap(one.box[None], other.box[None])[0, 0])
        if overlaps[-1] > 0.5:
            distances.append(np.linalg.norm(one.landmarks - other.landmarks, axis=1))
    distances = np.concatenate(distances)
    return {
        "faces": len(overlaps),
        "same_faces": float(np.mean(np.array(overlaps) >= SAME_FACE)),
        "landmark_median_px": float(np.median(distances)),
        "landmark_99_px": float(np.percentile(distances, 99)),
        "landmark_max_px": float(distances.max()),
    }


def main(argv=None):
    args = build_parser().parse_args(argv)
    sys.path.insert(0, str(ROOT))  # the package's arithmetic is among the tests
    from tests.detection.package_arithmetic import PACKAGE
    from tf_sphereface.data.photos.images import read_photo
    from tf_sphereface.detection import (
        LiteRTNetworks,
        cached_networks,
        nearest_to_centre,
    )
    from tf_sphereface.detection.arithmetic import EXACT
    from tf_sphereface.detection.networks import KerasNetworks

    litert = LiteRTNetworks(cached_networks())
    detectors = {
        "package": package_detector(),
        "package_arithmetic": our_detector(litert, PACKAGE),
        "default_arithmetic": our_detector(litert, EXACT),
        "keras": our_detector(KerasNetworks(), PACKAGE),
    }
    faces = {name: [] for name in detectors}
    for name in choose_photos(args.photos, args.count):
        photo = read_photo(args.photos / name)
        for key, detect in detectors.items():
            faces[key].append(nearest_to_centre(detect(photo), *photo.shape[:2]))
    figures = {
        f"{one} against {other}": compare(
            list(zip(faces[one], faces[other], strict=True))
        )
        for one, other in (
            ("package_arithmetic", "package"),
            ("default_arithmetic", "package"),
            ("package_arithmetic", "keras"),
        )
    }
    first, _, keras = figures.values()
    met = (
        first["same_faces"] >= LEAST_SHARE
        and first["landmark_median_px"] <= MEDIAN
        and first["landmark_99_px"] <= PERCENTILE_99
        and keras["landmark_max_px"] <= KERAS
    )
    print(json.dumps({**figures, "met": met}, indent=2))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
