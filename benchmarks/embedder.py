"""Photos a second of `Embedder`, and the cold start of `sphereface match`.

Each round runs every variant, on 1 and 2 threads, one photo at a time and in batches,
and the peer, once: a busy machine slows all of them. Medians of the rounds. CPU time is
what an idle machine would take on one thread. The peer is the `mtcnn` package, our warp
and the Keras model that the bundle was made from (--keras), all on TensorFlow.

    python benchmarks/embedder.py BUNDLE --photos PHOTOS --keras MODEL.keras
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
STAGES = ("detect", "warp", "embed")
COLD_STARTS, BATCH, PEER_PHOTOS = 5, 16, 10
PACKAGES_SHOWN = 10


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos")
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variants", nargs="+", help="default: all of the bundle")
    parser.add_argument("--keras", type=Path, help="model of the peer; none: no peer")
    return parser


class Clock:
    """Wall-clock and CPU time, milliseconds, by what they were spent on."""

    def __init__(self):
        self.spent = Counter()

    def __call__(self, name, function, *arguments):
        wall, cpu = time.perf_counter(), time.process_time()
        result = function(*arguments)
        self.spent[name] += 1e3 * (time.perf_counter() - wall)
        self.spent["cpu"] += 1e3 * (time.process_time() - cpu)
        return result


def one_by_one(embedder, photos):
    """Milliseconds a photo by stage, and in all."""
    clock = Clock()
    for photo in photos:
        faces = clock("detect", embedder.find_faces, photo, "centre")
        crops = clock("warp", embedder.crop_faces, photo, faces)
        clock("embed", embedder.embed_crops, crops)
    return per_photo(clock, photos)


def in_batches(embedder, photos):
    clock = Clock()
    for start in range(0, len(photos), BATCH):
        clock("batch", embedder.embed_photos, photos[start : start + BATCH])
    return per_photo(clock, photos)


def per_photo(clock, photos):
    spent = {name: value / len(photos) for name, value in clock.spent.items()}
    spent["wall"] = sum(value for name, value in spent.items() if name != "cpu")
    return spent


def peer_of(model_file, mirror, crop):
    """The `mtcnn` package, our warp, the Keras model; as `one_by_one`."""
    from mtcnn import MTCNN

    from tf_sphereface.embedding_models import load_backbone
    from tf_sphereface.geometry import align_face
    from tf_sphereface.preprocessing import mirror as mirrored

    detector, backbone = MTCNN(), load_backbone(model_file)
    names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")

    def warp(photo, faces):
        points = [[face["keypoints"][name] for name in names] for face in faces[:1]]
        return [align_face(photo, np.array(each, float), crop) for each in points]

    def embed(crops):
        if crops:
            faces = np.stack(crops)
            if mirror != "none":
                faces = np.concatenate([faces, mirrored(faces)])
            faces = backbone.pixel_contract.normalize(faces.astype(np.float32))
            backbone.predict_on_batch(faces)

    def run(photos):
        clock = Clock()
        for photo in photos:
            faces = clock("detect", detector.detect_faces, photo)
            clock("embed", embed, clock("warp", warp, photo, faces))
        return per_photo(clock, photos)

    return run


def ways_of(args, photos):
    """Functions that give milliseconds a photo, by name."""
    from tf_sphereface.deployment import Embedder, load_bundle

    bundle, ways = load_bundle(args.bundle), {}
    for variant in args.variants or bundle.contract.variants:
        if not bundle.contract.variants[variant].gate.passed:
            print(f"left out, its gate failed: {variant}", file=sys.stderr)
            continue
        for threads in (1, 2):
            embedder = Embedder(bundle, variant, threads)
            name = f"{variant}, {threads} thread{'s'[: threads - 1]}"
            ways[f"{name}, one by one"] = lambda e=embedder: one_by_one(e, photos)
            ways[f"{name}, batches"] = lambda e=embedder: in_batches(e, photos)
    if args.keras:
        peer = peer_of(
            args.keras, bundle.contract.feature.mirror, bundle.contract.pixels.crop
        )
        ways["peer"] = lambda: peer(photos[:PEER_PHOTOS])
    return ways


def cold_starts(command):
    """Median wall-clock and CPU seconds of new processes."""
    walls, cpus = [], []
    for _ in range(COLD_STARTS):
        before, start = cpu_of_children(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        walls.append(time.perf_counter() - start)
        cpus.append(cpu_of_children() - before)
    return {
        "wall_s": round(statistics.median(walls), 2),
        "cpu_s": round(statistics.median(cpus), 2),
    }


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def import_times(command):
    """Milliseconds of importing, by package, the slowest first."""
    python, *rest = command
    run = subprocess.run(
        [python, "-X", "importtime", *rest], check=True, capture_output=True, text=True
    )
    spent = Counter()
    for own, name in re.findall(
        r"^import time: +(\d+) \| +\d+ \| +(\w+)", run.stderr, re.MULTILINE
    ):
        spent[name] += int(own) / 1e3
    return {name: round(ms) for name, ms in spent.most_common(PACKAGES_SHOWN)}


def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.data.photos.images import read_photo

    files = sorted(args.photos.rglob("*.jpg"))[: args.count]
    photos = [read_photo(file) for file in files]
    ways = ways_of(args, photos)
    measured = {name: [] for name in ways}
    for way in ways.values():
        way()  # opens interpreters for the sizes in use
    for _ in range(args.rounds):
        for name, way in ways.items():
            measured[name].append(way())
    table = {}
    for name, rounds in measured.items():
        spent = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        table[name] = {
            "photos_per_s": round(1e3 / spent["wall"], 1),
            "photos_per_cpu_s": round(1e3 / spent["cpu"], 1),
            **{key: round(spent[key], 2) for key in STAGES if key in spent},
        }
    if "peer" in table:
        for row in table.values():
            ratio = row["photos_per_s"] / table["peer"]["photos_per_s"]
            row["times_the_peer"] = round(ratio, 1)
    match = [sys.executable, "-m", "tf_sphereface.commands.main", "match"]
    match += [str(args.bundle), str(files[0]), str(files[-1])]
    result = {"photos": len(photos), "milliseconds_and_rates": table}
    result["match"] = {**cold_starts(match), "import_ms": import_times(match)}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
