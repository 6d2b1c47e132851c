"""The backbones that weights are imported for, and what a file says of their sizes."""

import dataclasses
from collections.abc import Callable

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LARGEST_CROP
from tf_sphereface.network_names import present_arguments
from tf_sphereface.weights.facenet_names import with_facenet_names
from tf_sphereface.weights.files.tensors import WeightFile, read_float32


@dataclasses.dataclass(frozen=True)
class Network:
    """A backbone by name.

    Args:
        make: Takes the backbone's arguments, gives it.
        sizes: Takes a `Sizes`, gives the arguments that the file tells.
        channel_order: What the published weights of this network expect.
        classifiers: Modules of the training head, which is left out.
        tensorflow_names: Takes a TensorFlow file and the user's map or None, gives the
            file and a map of the names that the network has there; None if there is
            no such network to be had.
    """

    make: Callable
    sizes: Callable
    channel_order: str
    classifiers: tuple[str, ...] = ()
    tensorflow_names: Callable | None = None


class Sizes:
    """Shapes of a file's tensors by layer and weight, in PyTorch's order of axes.

    Args:
        file: The file.
        keys: As `keys_of` gives them.
        layout: "torch" or "keras".
        arguments: Of the backbone, what the user gives.
    """

    def __init__(
        self, file: WeightFile, keys: dict, layout: str, arguments: dict | None = None
    ):
        self._arguments = arguments or {}
        self._file = file
        self._keys = keys
        self._layout = layout

    def shape(self, layer, weight="weight"):
        name = self._keys.get((layer, weight))
        if name is None:
            return None
        shape = self._file.tensors[name].shape
        if self._layout == "keras" and len(shape) == 4:
            return (shape[3], shape[2], *shape[:2])
        return shape[::-1] if self._layout == "keras" else shape

    def width_multiplier(self, channels):
        """The factor on channels that all the given layers have; None if unknown.

        Args:
            channels: Layer to its channels at a factor of 1; the last layer has most.

        Raises: InputError if there is none. So the network is not much larger than
            the file, whatever a single shape says.
        """
        shapes = {layer: self.shape(layer) for layer in channels}
        if not all(shapes.values()):
            return None
        last = list(channels)[-1]
        factor = shapes[last][0] / channels[last]
        for layer, number in channels.items():
            if shapes[layer][0] != max(1, round(number * factor)) or not factor:
                raise InputError(
                    f"{self._file.path} must have channels in the network's "
                    f"proportions. Received: {layer} with {shapes[layer][0]}, {last} "
                    f"with {shapes[last][0]}"
                )
        return factor

    def has_values(self, layer, weight):
        """True if there is such a tensor with anything but zeros."""
        name = self._keys.get((layer, weight))
        return name is not None and bool(
            np.any(read_float32(name, self._file.tensors[name]))
        )

    def crop(self, height, width):
        """The crops' (height, width), pixels: as the user or a file of ours says.

        Args:
            height: What it is if neither says it.
            width: Likewise.

        Raises: InputError if one is no size of a crop.
        """
        found, metadata = {}, present_arguments(self._file.metadata)
        for name, usual in {"height": height, "width": width}.items():
            said = self._arguments.get(name, metadata.get(name, usual))
            try:
                found[name] = int(str(said))
            except ValueError:
                found[name] = 0
            if not 1 <= found[name] <= LARGEST_CROP:
                raise InputError(
                    f"`{name}` must be an integer from 1 to {LARGEST_CROP}. "
                    f"Received: {name}={said!r:.80}"
                )
        return found["height"], found["width"]

    @property
    def pads_as_tensorflow(self):
        """True if a file of ours says that its network does so."""
        return self._file.metadata.get("padding") == "tensorflow"

    def layers(self):
        return [layer for layer, _ in self._keys]

    def check(self, layer, shape):
        """Refuses a layer whose weight does not end in these axes."""
        found = self.shape(layer)
        if found is None or found[-len(shape) :] != shape:
            raise InputError(
                f"{self._file.path}: {layer} must have the shape {shape} for this "
                f"network. Received: {found}"
            )


def _map_size(height, width):
    """Rows and columns that four halvings, rounded up, leave of a crop."""
    return -(-height // 16), -(-width // 16)


def _sphereface_sizes(sizes):
    factor = sizes.width_multiplier(
        dict(conv1_1=64, conv2_1=128, conv3_1=256, conv4_1=512)
    )
    dense, found = sizes.shape("fc5"), {}
    if factor is not None and dense is not None and len(dense) == 2:
        channels = max(1, round(512 * factor))
        # Of squares, as other trainings have them, or the paper's.
        squares = dense[1] == 7 * 7 * channels
        height, width = sizes.crop(112, 112 if squares else 96)
        rows, places = _map_size(height, width)
        sizes.check("fc5", (dense[0], rows * places * channels))
        found = {
            "width_multiplier": factor,
            "embedding_dim": dense[0],
            "height": height,
            "width": width,
        }
    residual = [
        layer
        for layer in sizes.layers()
        if layer.startswith("conv") and not layer.endswith("_1")
    ]
    if sizes.shape("bn1_1") is not None:
        return {**found, "batch_norm": True}
    # The release's residual convolutions have biases that are kept at 0.
    if any(sizes.has_values(layer, "bias") for layer in residual):
        found["residual_bias"] = True
    return found


def _mobilefacenet_sizes(sizes):
    factor = sizes.width_multiplier(
        dict(conv1_conv=64, blocks_5_conv_6=128, conv2_conv=512)
    )
    dense, last = sizes.shape("linear1_conv"), sizes.shape("linear7_conv")
    if factor is None or not dense or not last or len(last) != 4:
        return {}
    sizes.check("linear1_conv", (dense[0], max(1, round(512 * factor)), 1, 1))
    height, width = sizes.crop(112, 112 if last[3] == 7 else 96)
    sizes.check("linear7_conv", _map_size(height, width))
    return {
        "width_multiplier": factor,
        "embedding_dim": dense[0],
        "height": height,
        "width": width,
        "tensorflow_padding": sizes.pads_as_tensorflow,
    }


def _iresnet_sizes(sizes):
    factor = sizes.width_multiplier(
        dict(
            conv1=64,
            layer2_0_conv1=128,
            layer3_0_conv1=256,
            layer4_0_conv1=512,
        )
    )
    dense = sizes.shape("fc")
    if factor is None or dense is None or len(dense) != 2:
        return {}
    channels = max(1, round(512 * factor))
    height, width = sizes.crop(112, 96 if dense[1] == 6 * 7 * channels else 112)
    rows, places = _map_size(height, width)
    sizes.check("fc", (dense[0], rows * places * channels))
    return {
        "width_multiplier": factor,
        "embedding_dim": dense[0],
        "height": height,
        "width": width,
    }


def _inception_resnet_sizes(sizes):
    factor = sizes.width_multiplier(
        dict(conv2d_1a_conv=32, conv2d_4a_conv=192, conv2d_4b_conv=256)
    )
    dense, last = sizes.shape("last_linear"), sizes.shape("repeat_3_0_conv2d")
    if factor is None or not dense or not last:
        return {}
    sizes.check("last_linear", (dense[0], last[0]))
    # The network ends in a mean over all places: no weight tells the crops' size.
    height, width = sizes.crop(160, 160)
    return {
        "width_multiplier": factor,
        "embedding_dim": dense[0],
        "height": height,
        "width": width,
    }


def _maker(name):
    def make(**arguments):
        from tf_sphereface.backbones import build_backbone

        try:
            made = build_backbone(name, **arguments)
        except (TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"the backbone cannot be made: {reason}") from error
        unknown = arguments.keys() - made.get_config().keys()
        if unknown:  # Keras passes over what it does not know
            raise InputError(f"the backbone has no argument {min(unknown)!r:.80}")
        return made

    return make


NETWORKS = {
    "sphereface_cnn": Network(
        _maker("sphereface_cnn"), _sphereface_sizes, "BGR", ("fc6",)
    ),
    "mobilefacenet": Network(_maker("mobilefacenet"), _mobilefacenet_sizes, "RGB"),
    "iresnet": Network(_maker("iresnet"), _iresnet_sizes, "RGB"),
    "inception_resnet_v1": Network(
        _maker("inception_resnet_v1"),
        _inception_resnet_sizes,
        "RGB",
        ("logits",),
        with_facenet_names,
    ),
}
