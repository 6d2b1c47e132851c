"""Time of one face: every variant of a bundle beside onnxruntime and Keras.

Every round times each of them once on the same crops, in an order that moves on, since
a busy machine slows all of them. Wall time and the time of the process on the CPU are
medians over the rounds; a ratio is the median of the rounds' ratios to onnxruntime in
float32. On a busy machine CPU time on one thread says most: on two threads it has the
waiting of onnxruntime's threads in it. Inputs are prepared beforehand for all; the time
is that of one call, from NumPy array to NumPy array. Without bundles the networks have
random weights, which change no time.

    python benchmarks/tflite_latency.py
    python benchmarks/tflite_latency.py --bundle runs/mine/best.keras bundle

Needs the extra `onnx`.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

VARIANTS = ("none", "fp16", "dynamic", "int8", "int8-io", "int4")
DEFAULT = ("sphereface_cnn:20", "mobilefacenet")
PEER = "onnxruntime"


@dataclasses.dataclass
class Step:
    """One way to embed a crop, and what each round took in ms."""

    run: Callable
    cosine: float
    wall: list = dataclasses.field(default_factory=list)
    cpu: list = dataclasses.field(default_factory=list)

    def time(self, face):
        wall, cpu = time.perf_counter(), time.process_time()
        self.run(face)
        self.wall.append(1000 * (time.perf_counter() - wall))
        self.cpu.append(1000 * (time.process_time() - cpu))


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--bundle",
        nargs=2,
        action="append",
        metavar=("MODEL", "BUNDLE"),
        type=Path,
        help=".keras file and the bundle that was made of it; may be repeated",
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--crops", type=int, default=8)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def random_bundle(description, folder):
    """A network with random weights, and a bundle of it with every variant."""
    from tf_sphereface.backbones import build_backbone
    from tf_sphereface.deployment import ExportOptions, export_bundle

    name, _, depth = description.partition(":")
    backbone = build_backbone(name, **({"depth": int(depth)} if depth else {}))
    model, out = folder / f"{backbone.name}.keras", folder / backbone.name
    backbone.save(model)
    export_bundle(model, out, ExportOptions(variants=VARIANTS, representative=16))
    return model, out


def tflite_call(content, threads):
    """Takes what the file takes, (1, height, width, 3)."""
    from tf_sphereface.runtimes.litert import allocate, open_interpreter

    interpreter = open_interpreter(content, threads)
    allocate(interpreter)
    (taken,) = interpreter.get_input_details()
    (given,) = interpreter.get_output_details()
    scale, zero_point = taken["quantization"]

    def call(face):
        interpreter.set_tensor(taken["index"], face)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    def prepare(faces):
        if taken["dtype"].__name__ == "float32":
            return faces
        stored = (faces / scale + zero_point).round().clip(-128, 127)
        return stored.astype(taken["dtype"])

    # Cosines need no scale.
    return call, prepare, given["quantization"][1]


def peers(model, threads):
    """onnxruntime on the folded network; Keras, folded and compiled, and as `predict`.

    Returns: The calls by name, and the pixel contract.
    """
    import tensorflow as tf

    from tf_sphereface.bundle.records import FeatureRecord
    from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
    from tf_sphereface.deployment.servers import onnx, onnx_session
    from tf_sphereface.embedding_models import load_backbone, pixel_contract_of

    backbone = load_backbone(model)
    contract = pixel_contract_of(backbone)
    content = onnx.to_onnx(backbone, contract, FeatureRecord())
    session = onnx_session.open_session(content, threads)
    folded = fold_batch_norm(backbone)

    def compiled(jit):
        call = tf.function(lambda face: folded(face, training=False), jit_compile=jit)
        return lambda face: call(tf.constant(face)).numpy()

    calls = {
        PEER: lambda face: session.run(None, {"aligned_face": face})[0],
        "Keras, tf.function": compiled(False),
        "Keras, XLA": compiled(True),
        "Keras, predict_on_batch": backbone.predict_on_batch,
    }
    return calls, contract


def measure(model, folder, threads, rounds, crops):
    """Rows of one network on a number of threads."""
    import numpy as np

    from tf_sphereface.deployment import load_bundle
    from tf_sphereface.deployment.samples import synthetic_faces

    calls, contract = peers(model, threads)
    faces = [face.crop for face in synthetic_faces(contract, crops, 1)]
    faces = contract.normalize(np.stack(faces).astype(np.float32))
    networks = {name: (call, lambda faces: faces, 0) for name, call in calls.items()}
    bundle = load_bundle(folder)
    for name, variant in bundle.contract.variants.items():
        content = (bundle.path / variant.file).read_bytes()
        networks[f"TFLite {name}"] = tflite_call(content, threads)
    steps, inputs = {}, {}
    reference = calls["Keras, predict_on_batch"](faces)
    for name, (call, prepare, zero) in networks.items():
        inputs[name] = prepare(faces)
        outputs = np.concatenate([call(face[None]) for face in inputs[name]])
        steps[name] = Step(call, least_cosine(reference, outputs.astype(float) - zero))
    names = list(steps)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            face = inputs[name][number % crops]
            steps[name].time(face[None])
    return [row(name, step, steps[PEER]) for name, step in steps.items()]


def least_cosine(first, second):
    import numpy as np

    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return float(((first * second).sum(axis=1) / norms).min())


def row(name, step, peer):
    def ratio(own, others):
        return statistics.median(a / b for a, b in zip(own, others, strict=True))

    return {
        "name": name,
        "least_cosine": step.cosine,
        "wall_ms": statistics.median(step.wall),
        "wall_ratio": ratio(step.wall, peer.wall),
        "cpu_ms": statistics.median(step.cpu),
        "cpu_ratio": ratio(step.cpu, peer.cpu),
    }


def print_table(network, threads, rows):
    print(f"\n{network}, {threads} thread{'s' * (threads > 1)}")
    titles = ("cosine", "wall ms", "ratio", "CPU ms", "ratio")
    print(f"{'':26}" + "".join(f"{title:>10}" for title in titles))
    for r in rows:
        print(
            f"{r['name']:26}{r['least_cosine']:10.5f}{r['wall_ms']:10.2f}"
            f"{r['wall_ratio']:10.2f}{r['cpu_ms']:10.2f}{r['cpu_ratio']:10.2f}"
        )


def measure_all(bundles, threads, rounds, crops):
    """Results of every network; TensorFlow's threads are set once in a process."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return [
        {
            "network": folder.name,
            "threads": threads,
            "rows": measure(model, folder, threads, rounds, crops),
        }
        for model, folder in bundles
    ]


def in_process(function, *arguments):
    """Result of a function in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def main(argv=None):
    args = build_parser().parse_args(argv)
    with tempfile.TemporaryDirectory() as directory:
        bundles = args.bundle or [
            in_process(random_bundle, description, Path(directory))
            for description in DEFAULT
        ]
        results = []
        for threads in args.threads:
            results += in_process(
                measure_all, bundles, threads, args.rounds, args.crops
            )
    if args.json:
        print(json.dumps(results, indent=2))
        return 0
    for result in results:
        print_table(result["network"], result["threads"], result["rows"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
