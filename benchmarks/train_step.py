"""Speed of a training step of SphereFace-20 with A-Softmax, beside PyTorch's.

Every round times each of our calls and, with --peer-python, each of PyTorch's once,
since a busy machine slows all of them. Medians and fastest rounds are printed: images
a second, the rate of the multiplications in them, and its share of the library's own
product of two square matrices. A step is the one of `sphereface train`: forward,
backward, the optimizer and the metrics; its batch is in memory. `forward` is the pass
of the step, `embed` that of inference. Counted are three forward passes of backbone and
head a step, two operations a multiply-accumulate.

    python benchmarks/train_step.py --peer-python .venv-torch/bin/python
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SEED = 0
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
HEIGHT, WIDTH, DIM = 112, 96, 512


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--classes", type=int, default=10_572)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--matmul", type=int, default=2048, help="rows and columns")
    parser.add_argument(
        "--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS
    )
    parser.add_argument("--xla", action="store_true", help="measure XLA's step as well")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="processor seconds of one thread, not the clock's: for a busy machine",
    )
    parser.add_argument("--peer-python", help="a Python that can import torch")
    parser.add_argument("--json", action="store_true", help="print JSON, in seconds")
    return parser


def one_thread():
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def classifier_of(precision, classes):
    """The classifier that `train` makes of the default recipe."""
    import keras

    from tf_sphereface.precision import dtype_policy
    from tf_sphereface.training.assembly import build_classifier
    from tf_sphereface.training.recipes.recipe import Recipe

    with dtype_policy(PRECISIONS[precision]):
        keras.utils.set_random_seed(SEED)
        return build_classifier(Recipe(), classes)


def our_calls(precision, batch, classes, jit=None):
    """Step, forward pass and operations of a step and of a forward pass."""
    import numpy as np
    import tensorflow as tf

    from tf_sphereface.backbones.multiply_accumulates import multiply_accumulates

    classifier = classifier_of(precision, classes)
    if jit is not None:
        classifier.jit_compile = jit
    rng = np.random.default_rng(SEED)
    images = rng.normal(size=(batch, HEIGHT, WIDTH, 3)).astype("float32")
    labels = rng.integers(0, classes, batch).astype("int32")
    batches = tf.data.Dataset.from_tensors((images, labels)).repeat()
    iterator, images = iter(batches), tf.constant(images)
    step = classifier.make_train_function() or classifier.train_function
    backbone = classifier.backbone
    forward = tf.function(lambda faces: backbone(faces, training=True))
    embed = tf.function(lambda faces: backbone(faces, training=False))
    macs = multiply_accumulates(backbone)
    operations = {
        "step": 6 * batch * (macs + DIM * classes),
        "forward": 2 * batch * macs,
        "embed": 2 * batch * macs,
    }
    return (
        {
            "step": lambda: float(step(iterator)["loss"]),
            "forward": lambda: forward(images).numpy(),
            "embed": lambda: embed(images).numpy(),
        },
        operations,
    )


def our_matmul(precision, size):
    import tensorflow as tf

    dtype = tf.as_dtype(precision)
    left, right = (tf.cast(tf.random.normal((size, size)), dtype) for _ in range(2))
    product = tf.function(lambda: tf.linalg.matmul(left, right)[0, 0])
    return lambda: float(product())


def all_of_ours(args):
    """Dict of name to call, and dict of `step` and `forward` to operations."""
    calls = {}
    for precision in args.precisions:
        calls[f"matmul-{precision}"] = our_matmul(precision, args.matmul)
        made, operations = our_calls(precision, args.batch, args.classes)
        for kind, call in made.items():
            calls[f"{kind}-{precision}"] = call
        if args.xla:
            made, _ = our_calls(precision, args.batch, args.classes, jit=True)
            calls[f"step-{precision}-xla"] = made["step"]
    return calls, operations


def started_peer(args):
    """Running train_step_torch.py, and the names that it answers."""
    command = [args.peer_python, str(Path(__file__).with_name("train_step_torch.py"))]
    clock = int(args.processor_time)
    sizes = (clock, args.matmul, args.classes, args.batch, HEIGHT, WIDTH, DIM)
    process = subprocess.Popen(
        command + [str(size) for size in sizes],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    names = process.stdout.readline().split()
    return process, [name for name in names if name.split("-")[1] in args.precisions]


def asked(process, name):
    process.stdin.write(name + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def timed(call, clock):
    start = clock()
    call()
    return clock() - start


def measure(args):
    """Seconds of each round by (library, name), and operations by name."""
    clock = time.perf_counter
    if args.processor_time:
        clock = time.process_time
        one_thread()
    calls, operations = all_of_ours(args)
    timers = {
        ("tf_sphereface", name): lambda call=call: timed(call, clock)
        for name, call in calls.items()
    }
    process = None
    if args.peer_python:
        process, names = started_peer(args)
        timers |= {
            ("torch", name): lambda name=name: asked(process, name) for name in names
        }
    seconds = in_turns(timers, args.rounds, process)
    operations["matmul"] = 2 * args.matmul**3
    return seconds, operations


def in_turns(timers, rounds, peer):
    """Seconds of each round by the timers' names; ends the peer's process, if any."""
    for timer in timers.values():
        timer()
        timer()  # the first compiles, the second still fills caches
    seconds = {key: [] for key in timers}
    for _ in range(rounds):
        for key, timer in timers.items():
            seconds[key].append(timer())
    if peer:
        peer.stdin.close()
        peer.wait()
    return seconds


def rows_of(seconds, operations, batch):
    rows = []
    for (library, name), values in seconds.items():
        kind, precision = name.split("-")[:2]
        row = {"library": library, "name": name}
        for rank, rate in (("median", statistics.median), ("fastest", min)):
            row[f"{rank}_gflops"] = operations[kind] / rate(values) / 1e9
            if kind != "matmul":
                row[f"{rank}_images"] = batch / rate(values)
                matmul = rate(seconds[library, f"matmul-{precision}"])
                most = operations["matmul"] / matmul / 1e9
                row[f"{rank}_share"] = row[f"{rank}_gflops"] / most
        rows.append(row)
    return rows


def print_table(rows):
    titles = ("images/s", "fastest", "GFLOP/s", "of matmul", "fastest")
    keys = (
        *("median_images", "fastest_images", "median_gflops"),
        *("median_share", "fastest_share"),
    )
    print(f"{'':38}" + "".join(f"{title:>10}" for title in titles))
    for row in rows:
        cells = [f"{row[key]:10.2f}" if key in row else f"{'-':>10}" for key in keys]
        print(f"{row['library'] + ' ' + row['name']:38}" + "".join(cells))


def report(args, seconds, operations):
    """Prints the table, or with --json the seconds."""
    if args.json:
        timed_calls = {" ".join(key): values for key, values in seconds.items()}
        print(json.dumps({"arguments": vars(args), "seconds": timed_calls}, indent=2))
        return
    print_table(rows_of(seconds, operations, args.batch))


def main(argv=None):
    args = build_parser().parse_args(argv)
    report(args, *measure(args))
    return 0


if __name__ == "__main__":
    sys.exit(main())
