"""Seconds and memory of a training step of the head alone, with many identities.

The backbone is one dense layer of as many inputs as outputs, so that the figures are
those of the head: logits, margin (AM-Softmax), cross-entropy, gradients and optimizer,
momentum included. Batches are in memory, of random labels. Each row is a process of
its own: `plain` is FaceClassifier with the whole kernel in every step, the others are
`[many_identities]` with a sampling rate. Peak memory is that of the process, with what
it takes to begin.

    python benchmarks/many_identities.py --rows plain:100000 0.1:100000 0.1:1000000
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SEED, DIM = 0, 512
GIBIBYTE = 1 << 30


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--rows",
        nargs="+",
        default=["plain:100000", "1.0:100000", "0.1:100000", "0.1:1000000"],
        help='"plain", or a sampling rate, and the number of identities',
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--steps", type=int, default=20, help="after two to warm up")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser


def classifier_of(rate, identities):
    import keras

    from tf_sphereface import AMSoftmaxLayer, FaceClassifier
    from tf_sphereface.training.caffe_sgd import CaffeSGD
    from tf_sphereface.training.many_identities.classifier import (
        ManyIdentitiesClassifier,
    )

    keras.utils.set_random_seed(SEED)
    inputs = keras.Input((DIM,))
    backbone = keras.Model(inputs, keras.layers.Dense(DIM)(inputs))
    head = AMSoftmaxLayer(identities)
    if rate == "plain":
        classifier = FaceClassifier(backbone, head)
        classifier.compile(CaffeSGD(0.1), metrics=["accuracy"], jit_compile=False)
        return classifier
    classifier = ManyIdentitiesClassifier(backbone, head, sampling_rate=float(rate))
    classifier.compile(CaffeSGD(0.1))
    return classifier


def measured(rate, identities, batch, devices, steps):
    """Dict of seconds a step (median, fastest) and bytes of memory, at its peak."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tf_sphereface.training.distribution.strategies import training_strategy

    class Clock(keras.callbacks.Callback):
        times = []

        def on_train_batch_end(self, batch, logs=None):
            self.times.append(time.perf_counter())

    with training_strategy(devices).scope():
        classifier = classifier_of(rate, identities)
    begun = peak_memory()
    rng = np.random.default_rng(SEED)
    count = batch * (steps + 2)
    images = rng.normal(size=(count, DIM)).astype("float32")
    labels = rng.integers(0, identities, count).astype("int32")
    batches = tf.data.Dataset.from_tensor_slices((images, labels))
    batches = batches.batch(batch, drop_remainder=True)
    logs = classifier.fit(batches, shuffle=False, verbose=0, callbacks=[Clock()])
    seconds = np.diff(Clock.times)[1:]
    return {
        "rate": rate,
        "identities": identities,
        "seconds": statistics.median(seconds),
        "fastest": min(seconds),
        "peak_bytes": peak_memory(),
        "peak_bytes_before_training": begun,
        "loss": logs.history["loss"][0],
    }


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measured_apart(row, args):
    options = ["--batch", args.batch, "--devices", args.devices, "--steps", args.steps]
    command = [sys.executable, __file__, "--here", "--json", "--rows", row, *options]
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE)
    if done.returncode:
        raise SystemExit(f"{row} ended with {done.returncode}")
    return json.loads(done.stdout)[0]


def main(argv=None):
    args = build_parser().parse_args(argv)
    figures = []
    for row in args.rows:
        rate, _, identities = row.partition(":")
        if args.here:
            sizes = (int(identities), args.batch, args.devices, args.steps)
            figures.append(measured(rate, *sizes))
            continue
        figures.append(measured_apart(row, args))
        if not args.json:
            print(
                "{rate:>6} of {identities:>9,}: {seconds:.3f} s a step, fastest "
                "{fastest:.3f}, peak {peak:.1f} GiB".format(
                    **figures[-1], peak=figures[-1]["peak_bytes"] / GIBIBYTE
                ),
                flush=True,
            )
    if args.json:
        print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
