"""Cost of a backbone: size, arithmetic, and the time for one face.

Every round times each network once in Keras (a compiled call) and once in each TFLite
file, on two threads, since a busy machine slows all of them; medians count. The int8
file has 8-bit weights and quantises activations while it runs. Weights are random: they
change neither size nor time.

    python benchmarks/backbones.py
    python benchmarks/backbones.py --backbones mobilefacenet sphereface_cnn:depth=4
"""

import argparse
import json
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

THREADS = 2
DEFAULT = (
    "sphereface_cnn:depth=4",
    "sphereface_cnn:depth=20",
    "sphereface_cnn:depth=64",
    "mobilefacenet",
    "iresnet:depth=18",
    "iresnet:depth=50",
    "iresnet:depth=100",
    "inception_resnet_v1",
    "inception_face",
    "zfnet_face",
    "keras_application:application=MobileNetV2",
    "keras_application:application=EfficientNetB0",
)
COLUMNS = (
    ("parameters", "parameters", ",d"),
    ("multiply_accumulates", "MMACs", ",.0f"),
    ("keras_ms", "Keras ms", ".1f"),
    ("float_ms", "TFLite ms", ".1f"),
    ("keras_to_float", "ratio", ".2f"),
    ("int8_ms", "int8 ms", ".1f"),
    ("float_mb", "float MB", ".1f"),
    ("int8_mb", "int8 MB", ".1f"),
)


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--backbones",
        nargs="+",
        default=DEFAULT,
        metavar="NAME[:ARGUMENT=VALUE,...]",
        help="names of tf_sphereface.backbones.BACKBONES, with arguments",
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def built(description):
    """A backbone from NAME:ARGUMENT=VALUE,...; values are numbers or words."""
    from tf_sphereface.backbones import build_backbone

    name, _, listed = description.partition(":")
    arguments = {}
    for pair in filter(None, listed.split(",")):
        key, _, value = pair.partition("=")
        try:
            arguments[key] = json.loads(value)
        except json.JSONDecodeError:
            arguments[key] = value
    return build_backbone(name, **arguments)


def keras_step(backbone):
    """A function that embeds one face in Keras and waits for it."""
    import tensorflow as tf

    image = tf.random.normal((1, *backbone.input_shape[1:]))

    @tf.function
    def step(image):
        return backbone(image, training=False)

    return lambda: step(image).numpy()


def tflite_step(content):
    """A function that embeds one face with a TFLite file."""
    import numpy as np

    from tf_sphereface.runtimes.litert import allocate, open_interpreter

    interpreter = open_interpreter(content, THREADS)
    allocate(interpreter)
    (details,) = interpreter.get_input_details()
    image = np.random.default_rng(0).normal(size=details["shape"])
    interpreter.set_tensor(details["index"], image.astype(details["dtype"]))
    return interpreter.invoke


def prepared(description):
    """Figures of a backbone that need no timing, and the steps to time."""
    from tf_sphereface.backbones import multiply_accumulates
    from tf_sphereface.deployment.conversion.tflite import to_tflite
    from tf_sphereface.deployment.quantization.ai_edge import quantize_dynamic

    backbone = built(description)
    content = to_tflite(backbone)
    quantized = quantize_dynamic(content)
    row = {
        "backbone": description.removeprefix("keras_application:application="),
        "input": list(backbone.input_shape[1:3]),
        "parameters": backbone.count_params(),
        "multiply_accumulates": multiply_accumulates(backbone) / 1e6,
        "float_mb": len(content) / 1e6,
        "int8_mb": len(quantized) / 1e6,
    }
    steps = {
        "keras_ms": keras_step(backbone),
        "float_ms": tflite_step(content),
        "int8_ms": tflite_step(quantized),
    }
    return row, steps


def timed(step):
    start = time.perf_counter()
    step()
    return 1000 * (time.perf_counter() - start)


def measure(args):
    """Rows of sizes, and medians over the rounds in ms."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    networks = [prepared(description) for description in args.backbones]
    times = [{name: [] for name in steps} for _, steps in networks]
    for _, steps in networks:
        for step in steps.values():
            step()  # compiles
    for _ in range(args.rounds):
        for (_, steps), values in zip(networks, times, strict=True):
            for name, step in steps.items():
                values[name].append(timed(step))
    rows = []
    for (row, _), values in zip(networks, times, strict=True):
        medians = {name: statistics.median(value) for name, value in values.items()}
        ratio = medians["keras_ms"] / medians["float_ms"]
        rows.append({**row, **medians, "keras_to_float": ratio})
    return rows


def main(argv=None):
    args = build_parser().parse_args(argv)
    rows = measure(args)
    if args.json:
        print(json.dumps({"threads": THREADS, "rows": rows}, indent=2))
        return 0
    titles = "".join(f"{title:>12}" for _, title, _ in COLUMNS)
    print(f"{'backbone':32}{'input':>9}{titles}")
    for row in rows:
        cells = "".join(f"{format(row[key], form):>12}" for key, _, form in COLUMNS)
        size = "x".join(map(str, row["input"]))
        print(f"{row['backbone']:32}{size:>9}{cells}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
