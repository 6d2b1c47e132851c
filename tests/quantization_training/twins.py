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
from tests.quantization_training.test_folding import shaken
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.quantization_training.eight_bit_file import to_eight_bit_tflite
from tf_sphereface.quantization_training.folding import fold_batch_norm
from tf_sphereface.quantization_training.plan import read_plan
from tf_sphereface.quantization_training.recipe import QATRecipe
from tf_sphereface.quantization_training.schemes import make_scheme
from tf_sphereface.quantization_training.twin import build_twin, check_twin
from tf_sphereface.runtimes.litert import allocate, open_interpreter


def error_of_twin(name, folded):
    arguments = {"application": "MobileNetV2"} if name == "keras_application" else {}
    backbone = shaken(build(name, **arguments))
    plan = read_plan(backbone)
    return check_twin(backbone, build_twin(fold_batch_norm(plan) if folded else plan))


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
    outputs = layers.ZeroPadding2D(1)(images)
    outputs = layers.Conv2D(8, 3, strides=2, use_bias=False, name="conv")(outputs)
    outputs = layers.BatchNormalization()(outputs)
    first = layers.PReLU(shared_axes=[1, 2], name="prelu")(outputs)
    outputs = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(first)
    outputs = layers.BatchNormalization()(outputs)
    outputs = layers.Add()([first, layers.ReLU()(outputs)])
    outputs = layers.MaxPooling2D()(layers.BatchNormalization(name="lone")(outputs))
    outputs = layers.Dense(6, name="dense")(layers.Flatten()(outputs))
    return keras.Model(images, layers.BatchNormalization(name="last")(outputs))


def eight_bits(per_channel):
    """Kernels and embeddings of a small network with 8 bits, and of its file."""
    twin = build_twin(fold_batch_norm(read_plan(shaken(small_network()))))
    recipe = QATRecipe(per_channel=per_channel, range_batches=1)
    scheme = make_scheme(recipe, twin, steps=1)
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (16, 32, 32, 3)).astype("float32")
    labels = np.zeros(16, "int32")
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(16)
    scheme.begin(batches, PixelContract(32, 32))
    content = to_eight_bit_tflite(scheme.model)
    interpreter = open_interpreter(content)
    allocate(interpreter)
    embed = interpreter.get_signature_runner("serving_default")
    stored = [embed(aligned_face=image[None])["embedding"][0] for image in images]
    kernels = scheme.stored_kernels()
    tensors = interpreter.get_tensor_details()
    dtypes = [np.dtype(tensor["dtype"]).name for tensor in tensors]
    originals = {layer.name: layer.weights[0] for layer in plan_of(twin)}
    return {
        "float": np.asarray(twin(images)).tolist(),
        "simulated": np.asarray(scheme.model(images, training=False)).tolist(),
        "stored": np.array(stored).tolist(),
        "dtypes": dtypes,
        "floats": dtypes.count("float32"),
        "input": interpreter.get_input_details()[0]["shape"].tolist(),
        "kernels": {
            name: [originals[name].tolist(), kernels[name].tolist()]
            for name in ("conv", "depthwise")
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
        "per_channel": eight_bits(True),
        "per_tensor": eight_bits(False),
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
