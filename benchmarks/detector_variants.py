"""Size, speed and drift of the detector's variants, beside the float files.

Makes every variant from rendered faces, or from other photos, and looks for faces in
photos that none of them has seen. All variants take their turn at each photo, so that
a busy machine is busy for all. "moved by 1 px" is the float cascade on the same photos,
moved by one pixel: what detection varies by anyway.

    python benchmarks/detector_variants.py --photos LFW/images --count 200
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SEED = 0


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=Path, required=True, help="IDENTITY/PHOTO")
    parser.add_argument("--count", type=int, default=200, help="photos, at random")
    parser.add_argument(
        "--calibration", type=Path, help="folder of photos in place of rendered ones"
    )
    return parser


def choose_photos(folder, count):
    from tf_sphereface.data.photos.folders import list_photos
    from tf_sphereface.data.photos.images import read_photo

    names = list_photos(folder).photos
    chosen = random.Random(SEED).sample(names, min(count, len(names)))
    return [read_photo(folder / name) for name in chosen]


def find_in_turn(detectors, photos):
    """Faces of each detector, and its milliseconds for each photo."""
    faces = {name: [] for name in detectors}
    times = {name: [] for name in detectors}
    for detector in detectors.values():  # interpreters for the sizes in use
        detector.detect(photos[:1])
    for photo in photos:
        for name, detector in detectors.items():
            start = time.perf_counter()
            faces[name].extend(detector.detect([photo]))
            times[name].append(1000 * (time.perf_counter() - start))
    return faces, times


def moved_faces(detector, photos):
    """Faces of photos that were moved by one pixel, where they were before."""
    from tf_sphereface.detection import Face

    found = []
    for photo in photos:
        (faces,) = detector.detect([np.roll(photo, 1, axis=(0, 1))])
        found.append(
            [Face(face.box - 1, face.score, face.landmarks - 1) for face in faces]
        )
    return found


def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.deployment.detector_drift import measure_detector_drift
    from tf_sphereface.deployment.detector_photos import (
        read_detector_photos,
        rendered_photos,
    )
    from tf_sphereface.deployment.detector_variants import (
        DETECTOR_VARIANTS,
        make_detectors,
    )
    from tf_sphereface.detection import MTCNN, load_detector
    from tf_sphereface.detection.networks import KerasNetworks

    source = args.calibration
    samples = read_detector_photos(source) if source else rendered_photos()
    photos = choose_photos(args.photos, args.count)
    keras = MTCNN(KerasNetworks())
    reference = [keras.detect([photo])[0] for photo in photos]
    with tempfile.TemporaryDirectory() as directory:
        made = make_detectors(Path(directory), DETECTOR_VARIANTS, samples)
        detectors = {name: load_detector(one.path) for name, one in made.items()}
        sizes = {
            name: sum(file.stat().st_size for file in one.path.iterdir()) / 1e6
            for name, one in made.items()
        }
    faces, times = find_in_turn(detectors, photos)
    report = {
        name: {
            "megabytes": round(sizes[name], 3),
            "ms_per_photo": round(float(np.median(times[name])), 2),
            "times_float": round(
                float(np.median(np.array(times[name]) / times["none"])), 2
            ),
            **measure_detector_drift(reference, faces[name]).model_dump(),
            "passed_with_its_own_photos": made[name].gate.passed,
        }
        for name in made
    }
    moved = measure_detector_drift(
        faces["none"], moved_faces(detectors["none"], photos)
    )
    report["moved by 1 px"] = moved.model_dump()
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
