"""Cost of a head: forward and backward against Dense + softmax cross-entropy.

Every round times each head, the Dense layer and (with --peer-python) plain PyTorch
once, since a busy machine slows all of them. Medians are compared, and fastest rounds.
A step is the mean loss with the margin and its gradients by embeddings and weights,
compiled as in `fit`.

    python benchmarks/heads.py --peer-python .venv-torch/bin/python
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


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--classes", type=int, default=10_572)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--heads", nargs="+", help="class names; default: all")
    parser.add_argument("--no-jit", action="store_true", help="compile without XLA")
    parser.add_argument("--peer-python", help="a Python that can import torch")
    parser.add_argument("--json", action="store_true", help="print JSON, times in ms")
    return parser


def compiled_step(layer, losses, args, points):
    """A function that runs one step of losses(embeddings) and waits for it."""
    import tensorflow as tf

    layer.build((None, args.dim))

    @tf.function(jit_compile=not args.no_jit)
    def step(embeddings, labels):
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            loss = tf.reduce_mean(losses(layer, embeddings, labels))
        sources = [embeddings, *(weight.value for weight in layer.trainable_weights)]
        return loss, tape.gradient(loss, sources)

    embeddings, labels = (tf.constant(part) for part in points)
    return lambda: step(embeddings, labels)[0].numpy()


def tensorflow_steps(args, points):
    """Dict of name to step: the Dense layer, every head, the release's gradient."""
    import keras

    from tf_sphereface import heads

    def dense_losses(layer, embeddings, labels):
        return keras.ops.sparse_categorical_crossentropy(
            labels, layer(embeddings), from_logits=True
        )

    def head_losses(head, embeddings, labels):
        outputs = head.margin_free(embeddings)
        return head.sample_losses(outputs, labels, training=True)

    names = [name for name in heads.__all__ if name.endswith("Layer")]
    made = {name: getattr(heads, name)(args.classes) for name in names}
    made["ASoftmaxLayer caffe"] = heads.ASoftmaxLayer(args.classes, gradient="caffe")
    steps = {
        name: compiled_step(head, head_losses, args, points)
        for name, head in made.items()
        if not args.heads or name in args.heads
    }
    dense = keras.layers.Dense(args.classes)
    return {"Dense": compiled_step(dense, dense_losses, args, points), **steps}


def peer_steps(args, process):
    """Steps that a running heads_torch.py times itself, by the heads' names."""

    def ask(name):
        process.stdin.write(name + "\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    known = process.stdout.readline().split()
    wanted = [name for name in known if not args.heads or name in args.heads]
    return {name: lambda name=name: ask(name) for name in wanted}


def started_peer(args):
    command = [args.peer_python, str(Path(__file__).with_name("heads_torch.py"))]
    sizes = [str(value) for value in (args.classes, args.batch, args.dim)]
    return subprocess.Popen(
        command + sizes, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def timed(step):
    start = time.perf_counter()
    step()
    return 1000 * (time.perf_counter() - start)


def measure(args):
    """Rows of medians in ms and ratios of medians."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    embeddings = rng.normal(size=(args.batch, args.dim)).astype("float32")
    points = embeddings, rng.integers(0, args.classes, args.batch).astype("int32")
    steps, peers = tensorflow_steps(args, points), {}
    process = started_peer(args) if args.peer_python else None
    if process:
        peers = peer_steps(args, process)
    for step in [*steps.values(), *peers.values()]:
        step()  # compiles
    times = {name: [] for name in steps}
    peer_times = {name: [] for name in peers}
    for _ in range(args.rounds):
        for name, step in steps.items():
            times[name].append(timed(step))
            if name in peers:
                peer_times[name].append(peers[name]())
    if process:
        process.stdin.close()
        process.wait()
    dense, fastest = statistics.median(times["Dense"]), min(times["Dense"])
    rows = []
    for name, values in times.items():
        median = statistics.median(values)
        row = {"head": name, "ms": median, "to_dense": median / dense}
        row["fastest_to_dense"] = min(values) / fastest
        if name in peer_times:
            row["torch_ms"] = statistics.median(peer_times[name])
            row["to_torch"] = median / row["torch_ms"]
        rows.append(row)
    return rows


def main(argv=None):
    args = build_parser().parse_args(argv)
    rows = measure(args)
    if args.json:
        print(json.dumps({"arguments": vars(args), "rows": rows}, indent=2))
        return 0
    titles = ("ms", "to Dense", "fastest", "torch ms", "to torch")
    print(f"{'head':24}" + "".join(f"{title:>10}" for title in titles))
    keys = ("ms", "to_dense", "fastest_to_dense", "torch_ms", "to_torch")
    for row in rows:
        cells = [f"{row[key]:10.2f}" if key in row else f"{'-':>10}" for key in keys]
        print(f"{row['head']:24}" + "".join(cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
