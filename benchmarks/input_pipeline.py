"""Faces a second of the input pipeline, against bare parallel JPEG decoding.

Every round runs each pipeline once over the same records: a busy machine slows all of
them. The medians are compared. The bare peer reads records, decodes their JPEGs in
parallel and batches uint8; it neither shuffles nor mirrors nor normalises.

    python benchmarks/input_pipeline.py --presets none paper strong

Without --records, random JPEGs of 112 x 96 are packed first.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

PEER = "bare decoding"
ASKED = 0.85  # of the peer, for the paper's preset


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=Path, help="folder of `sphereface records`")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--batches", type=int, default=8, help="timed in a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--presets", nargs="+", default=["none", "paper"], help="strong needs keras-cv"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def random_records(folder, people=40, images=25):
    """Smooth noise at quality 95: about as many bytes a crop as faces have."""
    import cv2
    import numpy as np

    from tf_sphereface.data.records.writer import write_records

    rng = np.random.default_rng(0)
    for person in range(people):
        (folder / "aligned" / f"p{person:02d}").mkdir(parents=True)
        for number in range(images):
            colours = rng.integers(0, 256, (14, 12, 3)).astype(np.float32)
            crop = cv2.resize(colours, (96, 112), interpolation=cv2.INTER_CUBIC)
            crop = np.clip(crop + rng.normal(0, 6, crop.shape), 0, 255)
            path = folder / "aligned" / f"p{person:02d}" / f"{number:02d}.jpg"
            quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
            cv2.imwrite(str(path), crop.astype(np.uint8), quality)
    write_records(folder / "aligned", folder / "records", shards=4)
    return folder / "records"


def bare_decoding(records, batch):
    import tensorflow as tf

    from tf_sphereface.data.records.writer import parse_record, shard_paths

    def decode(serialized):
        return tf.io.decode_jpeg(parse_record(serialized)[0], channels=3)

    paths = [str(path) for path in shard_paths(records)]
    dataset = tf.data.TFRecordDataset(paths, num_parallel_reads=min(8, len(paths)))
    dataset = dataset.repeat().map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.batch(batch, drop_remainder=True).prefetch(2)


def preset_pipeline(records, batch, name):
    from tf_sphereface.data.batches.augmentation import preset
    from tf_sphereface.data.batches.shuffled import training_batches
    from tf_sphereface.preprocessing import PixelContract

    mirrored, augmentation = preset(name)
    return training_batches(
        records,
        batch,
        contract=PixelContract(),
        seed=0,
        mirrored=mirrored,
        augmentation=augmentation,
    )


def measure(pipelines, batch, batches, rounds):
    """Dict of name to (faces a second, CPU microseconds a face), medians."""
    rates = {name: [] for name in pipelines}
    costs = {name: [] for name in pipelines}
    for number in range(rounds + 1):
        for name, dataset in pipelines.items():
            iterator = iter(dataset)
            for _ in range(3):  # fills the buffers
                next(iterator)
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(batches):
                next(iterator)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            del iterator
            if number:  # the first round compiles
                rates[name].append(batch * batches / wall)
                costs[name].append(1e6 * cpu / (batch * batches))
    return {
        name: (statistics.median(rates[name]), statistics.median(costs[name]))
        for name in pipelines
    }


def main():
    args = build_parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        records = args.records or random_records(Path(folder))
        pipelines = {PEER: bare_decoding(records, args.batch)}
        for name in args.presets:
            pipelines[name] = preset_pipeline(records, args.batch, name)
        load = os.getloadavg()[0]
        medians = measure(pipelines, args.batch, args.batches, args.rounds)
    figures = {
        name: {
            "faces_per_second": round(rate),
            "cpu_us_per_face": round(cost),
            "rate_to_bare": round(rate / medians[PEER][0], 3),
            "cpu_bare_to_this": round(medians[PEER][1] / cost, 3),
        }
        for name, (rate, cost) in medians.items()
    }
    if args.json:
        print(json.dumps({"load": load, "pipelines": figures}, indent=2))
        return
    print(f"load average before: {load:.1f} on {os.cpu_count()} cores")
    for name, row in figures.items():
        print(
            f"{name:14s} {row['faces_per_second']:7,d} faces/s "
            f"({100 * row['rate_to_bare']:5.1f} %)   "
            f"{row['cpu_us_per_face']:5d} CPU us/face "
            f"({100 * row['cpu_bare_to_this']:5.1f} %)"
        )
    print(f"asked of paper: at least {100 * ASKED:.0f} % of the bare rate")


if __name__ == "__main__":
    main()
