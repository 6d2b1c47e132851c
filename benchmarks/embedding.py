"""Seconds of embedding crops with mirror images, beside the bare forward passes.

The peer of a Keras model is its compiled graph on arrays that lie ready, in batches of
the same size; that of a TFLite file is an interpreter a core, with one thread each, on
inputs that lie ready. Ours reads, decodes, checks, mirrors, normalises and collects
besides. Rounds of peer and ours alternate, since a busy machine slows either; the ratio
is that of the medians. CPU seconds are of all threads. The peak of memory is that of
processes which embed COUNT crops, and four times as many (crops are repeated).

    python benchmarks/embedding.py MODEL.keras BUNDLE --images ALIGNED
"""

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ASKED = {"keras": 1.3, "tflite": 1.15, "peak_mb": 800}
READY = 256  # crops in the peers' arrays, taken again and again


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("keras", type=Path, help=".keras file")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--images", type=Path, required=True, help="folder of crops")
    parser.add_argument("--variants", nargs="+", default=["none", "int8"])
    parser.add_argument("--count", type=int, default=1500, help="crops")
    parser.add_argument("--rounds", type=int, default=5)
    return parser


def open_source(model, variant):
    from tf_sphereface.evaluation import load_embedding_source

    return load_embedding_source(model, variant)


def names_of(images, count):
    names = sorted(str(file.relative_to(images)) for file in images.rglob("*.jpg"))
    return list(itertools.islice(itertools.cycle(names), count))


def peak_of(model, variant, images, count):
    """Peak memory of embedding, MB; for a process of its own."""
    source = open_source(model, variant)
    source.features(names_of(images, count), images)
    status = Path("/proc/self/status").read_text().splitlines()
    [peak] = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
    return peak / 1024


def ready_images(images, count):
    """Crops and mirror images, uint8 (2 * crops, height, width, 3)."""
    from tf_sphereface.data.photos.images import read_photo
    from tf_sphereface.preprocessing import mirror

    crops = np.stack([read_photo(images / name) for name in names_of(images, count)])
    return np.concatenate([crops, mirror(crops)])


def keras_peer(model, images, count):
    """Runs the compiled network on as many images as ours."""
    import tensorflow as tf

    from tf_sphereface.embedding_models import load_backbone
    from tf_sphereface.evaluation.embeddings.model_embeddings import BATCH_SIZE

    network = load_backbone(model)
    inputs = network.pixel_contract.normalize(images.astype(np.float32))
    spec = [tf.TensorSpec((None, *inputs.shape[1:]), tf.float32)]
    graph = tf.function(lambda batch: network(batch, training=False), spec)
    batches = [
        tf.constant(inputs[start : start + 2 * BATCH_SIZE])
        for start in range(0, len(inputs), 2 * BATCH_SIZE)
    ]

    def run():
        left = 2 * count
        for batch in itertools.cycle(batches):
            graph(batch[:left]).numpy()
            left -= len(batch)
            if left <= 0:
                return

    return run


def tflite_peer(bundle, variant, images, count):
    """Runs the file once for each of as many images as ours, on all cores."""
    from tf_sphereface.bundle.bundle import load_bundle
    from tf_sphereface.runtimes.litert import allocate, open_interpreter
    from tf_sphereface.similarity import usable_cores

    bundle = load_bundle(bundle)
    inputs = bundle.embedder(variant).stored_input(images)
    content = bundle.content(bundle.variant(variant))
    interpreters = [open_interpreter(content, 1) for _ in range(usable_cores())]
    for interpreter in interpreters:
        allocate(interpreter)

    def work(interpreter, rows):
        source = interpreter.get_input_details()[0]["index"]
        sink = interpreter.get_output_details()[0]["index"]
        for row in rows:
            row %= len(inputs)
            interpreter.set_tensor(source, inputs[row : row + 1])
            interpreter.invoke()
            interpreter.get_tensor(sink)

    def run():
        rows = iter(range(2 * count))
        with ThreadPoolExecutor(len(interpreters)) as pool:
            list(pool.map(lambda each: work(each, rows), interpreters))

    return run


def compare(peer, ours, rounds):
    """Medians of wall-clock and CPU seconds of both, and their ratios."""
    steps = {"bare": peer, "embed": ours}
    spent = {name: {"wall_s": [], "cpu_s": []} for name in steps}
    for step in steps.values():
        step()  # compiles, and fills the page cache
    for _ in range(rounds):
        for name, step in steps.items():
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            spent[name]["wall_s"].append(time.perf_counter() - wall)
            spent[name]["cpu_s"].append(time.process_time() - cpu)
    medians = {
        name: {clock: statistics.median(each) for clock, each in clocks.items()}
        for name, clocks in spent.items()
    }
    ratios = {
        clock: medians["embed"][clock] / medians["bare"][clock]
        for clock in ("wall_s", "cpu_s")
    }
    return {**medians, "ratio": ratios}


def main(argv=None):
    args = build_parser().parse_args(argv)
    models = {"keras": (args.keras, None)}
    models |= {name: (args.bundle, name) for name in args.variants}
    peaks = {}
    for name, model in models.items():
        for count in (args.count, 4 * args.count):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found = pool.apply(peak_of, (*model, args.images, count))
            peaks.setdefault(name, {})[count] = round(found)
    names = names_of(args.images, args.count)
    images = ready_images(args.images, min(READY, args.count))
    table = {}
    for name, (model, variant) in models.items():
        if variant is None:
            peer = keras_peer(model, images, args.count)
        else:
            peer = tflite_peer(model, variant, images, args.count)
        source = open_source(model, variant)
        ours = lambda source=source: source.features(names, args.images)  # noqa: E731
        table[name] = compare(peer, ours, args.rounds)
    print(
        json.dumps(
            {"crops": args.count, "table": table, "peak_mb": peaks, "asked": ASKED},
            indent=2,
            default=float,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
