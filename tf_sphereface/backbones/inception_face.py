"""NN2 of FaceNet: an Inception network with L2 pooling."""

import dataclasses

import keras
from keras import layers

from tf_sphereface.backbones.backbone import Backbone
from tf_sphereface.backbones.l2_pooling import L2Pooling2D


@dataclasses.dataclass(frozen=True)
class InceptionModule:
    """A row of the paper's Table 2: channels of the branches, 0 where there is none.

    With `strides` 2 the 3 x 3, the 5 x 5 and the pool step over every second place.
    """

    name: str
    size1: int
    size3_reduce: int
    size3: int
    size5_reduce: int
    size5: int
    pool: str
    pool_projection: int
    strides: int = 1


MODULES = (
    InceptionModule("inception_3a", 64, 96, 128, 16, 32, "max", 32),
    InceptionModule("inception_3b", 64, 96, 128, 32, 64, "l2", 64),
    InceptionModule("inception_3c", 0, 128, 256, 32, 64, "max", 0, strides=2),
    InceptionModule("inception_4a", 256, 96, 192, 32, 64, "l2", 128),
    InceptionModule("inception_4b", 224, 112, 224, 32, 64, "l2", 128),
    InceptionModule("inception_4c", 192, 128, 256, 32, 64, "l2", 128),
    InceptionModule("inception_4d", 160, 144, 288, 32, 64, "l2", 128),
    InceptionModule("inception_4e", 0, 160, 256, 64, 128, "max", 0, strides=2),
    InceptionModule("inception_5a", 384, 192, 384, 48, 128, "l2", 128),
    InceptionModule("inception_5b", 384, 192, 384, 48, 128, "max", 128),
)


@keras.saving.register_keras_serializable(package="tf_sphereface")
class InceptionFace(Backbone):
    """FaceNet's NN2: Inception modules with max and L2 pooling, a linear embedding.

    Where the paper normalises local responses, this network has batch norm, after every
    convolution and in place of its bias: it trains from scratch with it. FaceNet's L2
    normalisation is left to the head. The average is over all that is left of the
    image, so that sizes are free.

    Args:
        embedding_dim: Length of the embedding; 128 in the paper.
        width_multiplier: Factor on the channels of every convolution; 1 in the paper.
        height: Rows of the input, pixels; 224 in the paper (NN3 and NN4 are the same
            network with 160 and 96).
        width: Columns of the input, pixels; 224 in the paper.
        **kwargs: Of `Backbone`.

    Call arguments:
        inputs: Float (batch, height, width, 3), as `PixelContract.normalize` gives.

    Returns: Float (batch, embedding_dim), not L2-normalised.
    Raises: ValueError if an argument is out of range.
    Reference: FaceNet, https://arxiv.org/abs/1503.03832, Table 2.
    """

    def __init__(
        self,
        embedding_dim: int = 128,
        width_multiplier: float = 1.0,
        height: int = 224,
        width: int = 224,
        **kwargs,
    ):
        kwargs.setdefault("name", "inception_face")
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
    outputs = make.conv_bn_relu(outputs, make.channels(64), 1, "inception_2_3x3_reduce")
    outputs = make.conv_bn_relu(outputs, make.channels(192), 3, "inception_2_3x3")
    outputs = make.max_pool(outputs, "pool2")
    for module in MODULES:
        outputs = _inception(make, outputs, module)
    outputs = make.layer(layers.GlobalAveragePooling2D, outputs, "average")
    return make.layer(layers.Dense, outputs, "fc", units=embedding_dim)


def _inception(make, inputs, module):
    def conv(inputs, channels, size, branch, strides=1):
        name = f"{module.name}_{branch}"
        return make.conv_bn_relu(inputs, make.channels(channels), size, name, strides)

    ends = []
    if module.size1:
        ends.append(conv(inputs, module.size1, 1, "1x1"))
    reduced = conv(inputs, module.size3_reduce, 1, "3x3_reduce")
    ends.append(conv(reduced, module.size3, 3, "3x3", module.strides))
    reduced = conv(inputs, module.size5_reduce, 1, "5x5_reduce")
    ends.append(conv(reduced, module.size5, 5, "5x5", module.strides))
    name = f"{module.name}_pool"
    if module.pool == "l2":
        pooled = make.layer(L2Pooling2D, inputs, name)
    else:
        pooled = make.max_pool(inputs, name, module.strides)
    if module.pool_projection:
        pooled = conv(pooled, module.pool_projection, 1, "pool_projection")
    return make.layer(layers.Concatenate, [*ends, pooled], f"{module.name}_concat")
