"""NN1 of FaceNet: Zeiler and Fergus' network with 1 x 1 convolutions."""

import keras
from keras import layers

from tf_sphereface.backbones.backbone import Backbone

# Rows of the paper's Table 1, name, channels and size, up to each pool. Those of size 1
# keep the channels of their input.
STAGES = (
    ((("conv2a", 64, 1), ("conv2", 192, 3)), "pool2"),
    ((("conv3a", 192, 1), ("conv3", 384, 3)), "pool3"),
    (
        (
            ("conv4a", 384, 1),
            ("conv4", 256, 3),
            ("conv5a", 256, 1),
            ("conv5", 256, 3),
            ("conv6a", 256, 1),
            ("conv6", 256, 3),
        ),
        "pool4",
    ),
)
MAXOUT_UNITS, MAXOUT_PIECES = 32 * 128, 2


@keras.saving.register_keras_serializable(package="tf_sphereface")
class ZFNetFace(Backbone):
    """FaceNet's NN1: 11 convolutions, two maxout layers, a linear embedding.

    Nearly all of its 140 million parameters are in the first maxout layer. Where the
    paper normalises local responses, this network has batch norm, after every
    convolution and in place of its bias: it trains from scratch with it. FaceNet's L2
    normalisation is left to the head.

    Args:
        embedding_dim: Length of the embedding; 128 in the paper.
        width_multiplier: Factor on channels and maxout units; 1 in the paper.
        height: Rows of the input, pixels; 220 in the paper.
        width: Columns of the input, pixels; 220 in the paper.
        **kwargs: Of `Backbone`.

    Call arguments:
        inputs: Float (batch, height, width, 3), as `PixelContract.normalize` gives.

    Returns: Float (batch, embedding_dim), not L2-normalised.
    Raises: ValueError if an argument is out of range.
    Reference: FaceNet, https://arxiv.org/abs/1503.03832, Table 1.
    """

    def __init__(
        self,
        embedding_dim: int = 128,
        width_multiplier: float = 1.0,
        height: int = 220,
        width: int = 220,
        **kwargs,
    ):
        kwargs.setdefault("name", "zfnet_face")
        super().__init__(
            _embed,
            {"embedding_dim": embedding_dim, "width_multiplier": width_multiplier},
            height=height,
            width=width,
            **kwargs,
        )


def _embed(images, make, embedding_dim):
    outputs = make.conv_bn_relu(images, make.channels(64), 7, "conv1", strides=2)
    outputs = make.max_pool(outputs, "pool1")
    for convolutions, pool in STAGES:
        for name, channels, size in convolutions:
            outputs = make.conv_bn_relu(outputs, make.channels(channels), size, name)
        outputs = make.max_pool(outputs, pool)
    outputs = make.layer(layers.Flatten, outputs, "concat")
    outputs = _maxout(make, outputs, "fc1")
    outputs = _maxout(make, outputs, "fc2")
    return make.layer(layers.Dense, outputs, "fc7128", units=embedding_dim)


def _maxout(make, inputs, name):
    """The larger of two dense layers, unit by unit."""
    units = make.channels(MAXOUT_UNITS)
    outputs = make.layer(layers.Dense, inputs, name, units=MAXOUT_PIECES * units)
    outputs = make.layer(
        layers.Reshape,
        outputs,
        f"{name}_pieces",
        target_shape=(MAXOUT_PIECES, units),
    )
    return make.layer(layers.GlobalMaxPooling1D, outputs, f"{name}_maxout")
