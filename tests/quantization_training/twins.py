"""Run in a process of its own: the twin of every backbone, and 8 bits on one.

Prints JSON with what `test_twin.py` looks at.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from tests.backbones.test_backbone import build
from tests.quantization_training.conftest import TWINS
from tests.quantization_training.test_folding import shaken, uneven
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.quantization_training.eight_bit_file import (
    plan_eight_bits,
    to_eight_bit_tflite,
)
from tf_sphereface.quantization_training.folding import folded_plan, unfolded_weights
from tf_sphereface.quantization_training.plan import read_plan
from tf_sphereface.quantization_training.recipe import QATRecipe
from tf_sphereface.quantization_training.schemes import make_scheme
from tf_sphereface.quantization_training.twin import build_twin, check_twin
from tf_sphereface.runtimes.litert import allocate, open_interpreter


def error_of_twin(name, folded):
    arguments = (
        {"application": "MobileNetV2", "options": {"alpha": 0.35}}
        if name == "keras_application"
        else {}
    )
    backbone = shaken(build(name, **arguments))
    plan = folded_plan(backbone) if folded else read_plan(backbone)
    return check_twin(backbone, build_twin(plan))


def check_fails_for_other_weights():
    backbone = build("sphereface_cnn")
    twin = build_twin(read_plan(backbone))
    twin.get_layer("fc5").set_weights(
        [1.001 * weight for weight in twin.get_layer("fc5").get_weights()]
    )
    try:
        check_twin(backbone, twin)
    except RuntimeError as error:
        return str(error)
    return ""


def small_network():
    """All kinds of layers that the 8-bit networks of this library have."""
    layers, images = keras.layers, keras.Input((32, 32, 3), name="aligned_face")
    outputs = layers.Conv2D(8, 3, padding="same", name="begin")(images)
    outputs = layers.PReLU(shared_axes=[1, 2], name="begin_prelu")(outputs)
    outputs = layers.ZeroPadding2D(1, name="pad")(outputs)
    outputs = layers.Conv2D(8, 3, strides=2, use_bias=False, name="conv")(outputs)
    outputs = layers.BatchNormalization()(outputs)
    first = layers.PReLU(shared_axes=[1, 2], name="prelu")(outputs)
    outputs = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(first)
    outputs = layers.BatchNormalization()(outputs)
    outputs = layers.ReLU(name="relu")(outputs)
    outputs = layers.BatchNormalization(name="lone")(layers.Add()([first, outputs]))
    outputs = layers.Flatten(name="flatten")(layers.MaxPooling2D(name="pool")(outputs))
    outputs = layers.Dense(6, name="dense")(outputs)
    return keras.Model(images, layers.BatchNormalization(name="last")(outputs))


def eight_bits(equalized):
    """Kernels and embeddings of a small network with 8 bits, and of its file."""
    backbone = uneven(shaken(small_network()), "begin", "conv")
    backbone.pixel_contract = PixelContract(32, 32)
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (16, 32, 32, 3)).astype("float32")
    plan = plan_eight_bits(backbone, images, equalized)
    twin = build_twin(plan.network)
    error = check_twin(backbone, twin)
    scheme = make_scheme(QATRecipe(range_batches=1), twin, 1, plan)
    labels = np.zeros(16, "int32")
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(16)
    scheme.begin(batches, backbone.pixel_contract)
    for name, weights in unfolded_weights(
        read_plan(backbone), scheme.weights()
    ).items():
        backbone.get_layer(name).set_weights(weights)
    content = to_eight_bit_tflite(backbone, images[:2], scheme.ranges())
    interpreter = open_interpreter(content)
    allocate(interpreter)
    embed = interpreter.get_signature_runner("serving_default")
    stored = [embed(aligned_face=image[None])["embedding"][0] for image in images]
    kernels = scheme.stored_kernels()
    originals = {layer.name: layer.weights[0] for layer in plan_of(twin)}
    return {
        "twin_error": error,
        "rounded": sorted(scheme.ranges()),
        "planned": sorted(plan.rounded),
        "float": np.asarray(twin(images)).tolist(),
        "simulated": np.asarray(scheme.model(images, training=False)).tolist(),
        "stored": np.array(stored).tolist(),
        "kernels": {
            name: [originals[name].tolist(), kernels[name].tolist()]
            for name in ("conv", "depthwise", "dense")
        },
    }


def plan_of(twin):
    return [
        type("Layer", (), {"name": layer.name, "weights": layer.get_weights()})
        for layer in twin.layers
        if layer.get_weights()
    ]


def main():
    keras.utils.set_random_seed(0)
    twins = {name: error_of_twin(name, folded) for name, folded in TWINS.items()}
    result = {
        "twins": twins,
        "other": check_fails_for_other_weights(),
        "equalized": eight_bits(True),
        "plain": eight_bits(False),
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
