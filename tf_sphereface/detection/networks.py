"""P-Net, R-Net and O-Net as Keras models, and their export to TFLite.

Only the trained weights come from the `mtcnn` package (MIT licence). This is the one
module of the detector that needs Keras and TensorFlow: import it late.
"""

from pathlib import Path

import joblib
import keras
import numpy as np
from keras import layers

from tf_sphereface.detection.weight_files import NETWORK_NAMES, weight_file
from tf_sphereface.precision import dtype_policy


def build_networks() -> dict[str, keras.Model]:
    """P-Net, R-Net and O-Net with their trained weights.

    Returns: Models "pnet", "rnet" and "onet". They take float32 RGB, (x - 127.5) / 128:
        photos (batch, height, width, 3), crops (batch, 24, 24, 3) and crops
        (batch, 48, 48, 3). They give box offsets (..., 4), then the landmarks
        (batch, 10) of O-Net, and last the probabilities (..., 2) of no face and face.
    Raises: InputError if the weights of the `mtcnn` package are missing.
    Reference: Zhang et al., https://arxiv.org/abs/1604.02878.
    """
    with dtype_policy("float32"):
        networks = {"pnet": _pnet(), "rnet": _rnet(), "onet": _onet()}
    for name, network in networks.items():
        network.set_weights(joblib.load(weight_file(name)))
    return networks


class KerasNetworks:
    """The networks of `MTCNN` in Keras: what `LiteRTNetworks` must agree with."""

    def __init__(self):
        self._networks = build_networks()

    def pnet(self, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._run("pnet", photos)

    def rnet(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._run("rnet", crops)

    def onet(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._run("onet", crops)

    def _run(self, name, inputs):
        # TensorFlow's convolutions may refuse a batch of none.
        batch = inputs if len(inputs) else np.zeros((1, *inputs.shape[1:]), np.float32)
        outputs = self._networks[name](batch, training=False)
        *others, scores = (
            keras.ops.convert_to_numpy(output)[: len(inputs)] for output in outputs
        )
        return *others, scores[..., 1]


def export_detector(directory: Path) -> None:
    """Writes pnet.tflite, rnet.tflite and onet.tflite with dynamic batch and size.

    Args:
        directory: Made if it is missing; files of these names are replaced.

    Raises: InputError if the weights are missing; OSError if nothing can be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    networks = build_networks()
    for name in NETWORK_NAMES:
        path = directory / f"{name}.tflite"
        networks[name].export(str(path), format="litert", verbose=False)


# Without it, layers take the order of axes in the user's settings of Keras.
_LAST = {"data_format": "channels_last"}


def _conv(x, filters, size, name):
    x = layers.Conv2D(filters, size, name=f"conv{name}", **_LAST)(x)
    return layers.PReLU(shared_axes=[1, 2], name=f"prelu{name}")(x)


def _flatten(x):
    # The weights come from Caffe, where the width is flattened before the height.
    return layers.Flatten(**_LAST)(layers.Permute((2, 1, 3))(x))


def _pnet():
    inputs = keras.Input((None, None, 3), dtype="float32", name="photos")
    x = _conv(inputs, 10, 3, "1")
    x = layers.MaxPooling2D(2, padding="same", **_LAST)(x)
    x = _conv(x, 16, 3, "2")
    x = _conv(x, 32, 3, "3")
    offsets = layers.Conv2D(4, 1, name="offsets", **_LAST)(x)
    scores = layers.Conv2D(2, 1, activation="softmax", name="scores", **_LAST)(x)
    return keras.Model(inputs, [offsets, scores], name="pnet")


def _rnet():
    inputs = keras.Input((24, 24, 3), dtype="float32", name="crops")
    x = _conv(inputs, 28, 3, "1")
    x = layers.MaxPooling2D(3, 2, padding="same", **_LAST)(x)
    x = _conv(x, 48, 3, "2")
    x = layers.MaxPooling2D(3, 2, **_LAST)(x)
    x = _conv(x, 64, 2, "3")
    x = layers.Dense(128, name="dense")(_flatten(x))
    x = layers.PReLU(name="prelu_dense")(x)
    offsets = layers.Dense(4, name="offsets")(x)
    scores = layers.Dense(2, activation="softmax", name="scores")(x)
    return keras.Model(inputs, [offsets, scores], name="rnet")


def _onet():
    inputs = keras.Input((48, 48, 3), dtype="float32", name="crops")
    x = _conv(inputs, 32, 3, "1")
    x = layers.MaxPooling2D(3, 2, padding="same", **_LAST)(x)
    x = _conv(x, 64, 3, "2")
    x = layers.MaxPooling2D(3, 2, **_LAST)(x)
    x = _conv(x, 64, 3, "3")
    x = layers.MaxPooling2D(2, padding="same", **_LAST)(x)
    x = _conv(x, 128, 2, "4")
    x = layers.Dense(256, name="dense")(_flatten(x))
    x = layers.PReLU(name="prelu_dense")(x)
    offsets = layers.Dense(4, name="offsets")(x)
    landmarks = layers.Dense(10, name="landmarks")(x)
    scores = layers.Dense(2, activation="softmax", name="scores")(x)
    return keras.Model(inputs, [offsets, landmarks, scores], name="onet")
