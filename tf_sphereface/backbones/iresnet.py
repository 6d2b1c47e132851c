"""IResNet: the residual networks of ArcFace and InsightFace."""

from typing import Literal

import keras
from keras import layers

from tf_sphereface.backbones.backbone import Backbone

# Blocks in the stages of 64, 128, 256 and 512 channels.
BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 14, 3),
    100: (3, 13, 30, 3),
}
STAGE_CHANNELS = (64, 128, 256, 512)

# Not an initializer itself: one gives all kernels of a shape the same numbers.
_INITIALIZER = {"class_name": "RandomNormal", "config": {"stddev": 0.1}}


@keras.saving.register_keras_serializable(package="tf_sphereface")
class IResNet(Backbone):
    """Residual network with blocks of BN, conv, BN, PReLU, conv, BN; a dense layer.

    Blocks have no activation after the sum. The embedding is batch-normalised (layer
    `features`) with a gamma that stays at 1, as in the reference. Layers carry the
    module paths of InsightFace's PyTorch code, with "_" for "." (conv1,
    layer1_0_bn1, ..., layer1_0_downsample_0, ..., fc, features).

    Args:
        depth: 18, 34, 50 or 100.
        embedding_dim: Length of the embedding; 512 in the reference.
        width_multiplier: Factor on the channels of every stage; 1 in the reference.
        height: Rows of the input, pixels.
        width: Columns of the input, pixels.
        dropout: Share of the last feature map that is dropped in training; 0 in the
            reference.
        **kwargs: Of `Backbone`. `pixel_scale` is 127.5 unless given, as in the
            reference.

    Call arguments:
        inputs: Float (batch, height, width, 3), as `pixel_contract.normalize` gives.

    Returns: Float (batch, embedding_dim), not L2-normalised.
    Raises: ValueError if an argument is out of range.
    Reference: ArcFace, https://arxiv.org/abs/1801.07698, section 3.1, and InsightFace's
        iresnet.py.
    """

    def __init__(
        self,
        depth: Literal[18, 34, 50, 100] = 50,
        embedding_dim: int = 512,
        width_multiplier: float = 1.0,
        height: int = 112,
        width: int = 112,
        dropout: float = 0.0,
        **kwargs,
    ):
        kwargs.setdefault("name", f"iresnet{depth}")
        kwargs.setdefault("pixel_scale", 127.5)
        super().__init__(
            _embed,
            {
                "depth": depth,
                "embedding_dim": embedding_dim,
                "width_multiplier": width_multiplier,
                "dropout": dropout,
            },
            {"kernel_initializer": _INITIALIZER},
            height=height,
            width=width,
            **kwargs,
        )

    @classmethod
    def check(cls, *, depth, **others):
        if depth not in BLOCKS:
            raise ValueError(
                f"`depth` must be one of {sorted(BLOCKS)}. Received: {depth=}"
            )
        super().check(**others)

    def fixed_weights(self):
        return [self.get_layer("features").gamma]


def _embed(images, make, depth, embedding_dim, dropout):
    outputs = make.conv(images, make.channels(64), 3, "conv1")
    outputs = make.batch_norm(outputs, "bn1")
    outputs = make.prelu(outputs, "prelu")
    for stage, channels in enumerate(STAGE_CHANNELS):
        for block in range(BLOCKS[depth][stage]):
            outputs = _block(
                make,
                outputs,
                make.channels(channels),
                1 if block else 2,
                f"layer{stage + 1}_{block}",
            )
    outputs = make.batch_norm(outputs, "bn2")
    outputs = make.layer(layers.Flatten, outputs, "flatten")
    outputs = make.layer(layers.Dropout, outputs, "dropout", rate=dropout)
    # PyTorch's start: uniform within 1 / sqrt(fan_in).
    outputs = make.layer(
        layers.Dense,
        outputs,
        "fc",
        units=embedding_dim,
        kernel_initializer=keras.initializers.VarianceScaling(
            1 / 3, "fan_in", "uniform"
        ),
    )
    return make.batch_norm(outputs, "features")


def _block(make, inputs, channels, stride, name):
    outputs = make.batch_norm(inputs, f"{name}_bn1")
    outputs = make.conv(outputs, channels, 3, f"{name}_conv1")
    outputs = make.batch_norm(outputs, f"{name}_bn2")
    outputs = make.prelu(outputs, f"{name}_prelu")
    outputs = make.conv(outputs, channels, 3, f"{name}_conv2", strides=stride)
    outputs = make.batch_norm(outputs, f"{name}_bn3")
    if stride != 1:  # the first block of a stage, which changes the channels too
        name_of_part = f"{name}_downsample"
        inputs = make.conv(
            inputs, channels, 1, f"{name_of_part}_0", stride, padded=False
        )
        inputs = make.batch_norm(inputs, f"{name_of_part}_1")
    return make.layer(layers.Add, [outputs, inputs], f"{name}_add")
