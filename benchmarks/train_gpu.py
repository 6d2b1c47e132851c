"""Training steps on a GPU by Keras' JAX or PyTorch backend, beside plain PyTorch.

    KERAS_BACKEND=jax python benchmarks/train_gpu.py --peer-python TORCH_PYTHON

Networks are SphereFace-20 and -64 with A-Softmax and IResNet-50 with ArcFace, in mixed
bfloat16. The peer trains the same network, loss and solver as InsightFace's
arcface_torch does: eager, autocast, channels first. A round is `--steps` steps over one
batch that lies on the device, by `model.fit` for Keras; rounds of all take turns, after
two that compile. Printed are images a second, the rate of the multiplications in
them, and its share of what the library itself reaches in a product of two square
matrices of bfloat16. Without a GPU it runs on the CPU, with small `--batch`.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from train_step import asked, in_turns, report

os.environ.setdefault("KERAS_BACKEND", "jax")
SEED, DIM, PRECISION = 0, 512, "bfloat16"
HEIGHTS_AND_WIDTHS = {
    "sphereface20": (112, 96),
    "sphereface64": (112, 96),
    "iresnet50": (112, 112),
}


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    networks = list(HEIGHTS_AND_WIDTHS)
    parser.add_argument("--networks", nargs="+", default=networks, choices=networks)
    parser.add_argument("--classes", type=int, default=10_572)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20, help="steps of a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--matmul", type=int, default=8192, help="rows and columns")
    parser.add_argument("--peer-python", help="a Python that can import torch")
    parser.add_argument("--json", action="store_true", help="print JSON, in seconds")
    return parser


def classifier_of(network, classes):
    import keras

    from tf_sphereface.backbones import IResNet, SphereFaceCNN
    from tf_sphereface.face_classifier import FaceClassifier
    from tf_sphereface.heads import ArcFaceLayer, ASoftmaxLayer
    from tf_sphereface.precision import dtype_policy

    with dtype_policy(f"mixed_{PRECISION}"):
        keras.utils.set_random_seed(SEED)
        if network == "iresnet50":
            classifier = FaceClassifier(IResNet(50), ArcFaceLayer(classes))
        else:
            backbone = SphereFaceCNN(int(network.removeprefix("sphereface")))
            classifier = FaceClassifier(backbone, ASoftmaxLayer(classes))
        classifier.compile(
            keras.optimizers.SGD(0.01, momentum=0.9, weight_decay=5e-4),
            jit_compile="auto" if keras.backend.backend() == "jax" else False,
        )
    return classifier


def our_round(network, args):
    """A call that trains `--steps` steps, and the operations of one of them."""
    import keras
    import numpy as np

    from tf_sphereface.backbones.multiply_accumulates import multiply_accumulates

    classifier = classifier_of(network, args.classes)
    rng = np.random.default_rng(SEED)
    size = (args.batch, *HEIGHTS_AND_WIDTHS[network], 3)
    faces = keras.ops.convert_to_tensor(rng.normal(size=size).astype("float32"))
    labels = keras.ops.convert_to_tensor(
        rng.integers(0, args.classes, args.batch).astype("int32")
    )

    def batches():
        while True:
            yield faces, labels

    macs = multiply_accumulates(classifier.backbone) + DIM * args.classes
    return (
        # The loss of a round is on the host when `fit` returns.
        lambda: classifier.fit(
            batches(), steps_per_epoch=args.steps, shuffle=False, verbose=0
        ),
        6 * args.batch * macs,
    )


def our_matmul(size):
    import keras
    from keras import ops

    left, right = (
        ops.cast(keras.random.normal((size, size), seed=seed), PRECISION)
        for seed in (1, 2)
    )
    return lambda: float(ops.cast(ops.matmul(left, right)[0, 0], "float32"))


def timed(call, steps):
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) / steps


def measure(args):
    """Seconds of a step in each round by (library, name), and operations by name."""
    ours, operations = f"keras-{os.environ['KERAS_BACKEND']}", {}
    matmul = our_matmul(args.matmul)
    timers = {(ours, f"matmul-{PRECISION}"): lambda: timed(matmul, 1)}
    for network in args.networks:
        call, operations[network] = our_round(network, args)
        timers[ours, f"{network}-{PRECISION}"] = lambda call=call: timed(
            call, args.steps
        )
    process = None
    if args.peer_python:
        process = started_peer(args)
        for name in process.stdout.readline().split():
            timers["torch", name] = lambda name=name: asked(process, name)
    seconds = in_turns(timers, args.rounds, process)
    operations["matmul"] = 2 * args.matmul**3
    return seconds, operations


def started_peer(args):
    """Running train_gpu_torch.py, whose first line lists names."""
    sizes = (args.matmul, args.classes, args.batch, args.steps)
    return subprocess.Popen(
        [
            args.peer_python,
            str(Path(__file__).with_name("train_gpu_torch.py")),
            *map(str, sizes),
            *args.networks,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def main(argv=None):
    args = build_parser().parse_args(argv)
    report(args, *measure(args))
    return 0


if __name__ == "__main__":
    sys.exit(main())
