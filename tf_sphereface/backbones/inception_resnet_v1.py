"""Inception-ResNet-v1, as FaceNet's public implementations train it."""

import keras
from keras import layers

from tf_sphereface.backbones.backbone import Backbone

# Sizes of the convolutions in each branch of a residual block.
BRANCHES = {
    "block35": ((1,), (1, 3), (1, 3, 3)),
    "block17": ((1,), (1, (1, 7), (7, 1))),
    "block8": ((1,), (1, (1, 3), (3, 1))),
}


@keras.saving.register_keras_serializable(package="tf_sphereface")
class InceptionResNetV1(Backbone):
    """Inception-ResNet-v1 with a stem for 160 x 160 pixels and a linear embedding.

    The last block has no ReLU; the embedding is batch-normalised. The L2 normalisation
    of FaceNet is left to the head. Layers carry the module paths of facenet-pytorch,
    with "_" for "." (conv2d_1a_conv, repeat_1_0_branch0_conv, ..., last_bn).

    Args:
        embedding_dim: Length of the embedding; 512 in the public weights.
        width_multiplier: Factor on the channels of every convolution; 1 in the paper.
        height: Rows of the input, pixels, at least 75; 160 in the public weights.
        width: Columns of the input, pixels, at least 75.
        dropout: Share of the pooled channels that is dropped in training.
        **kwargs: Of `Backbone`.

    Call arguments:
        inputs: Float (batch, height, width, 3), as `PixelContract.normalize` gives.

    Returns: Float (batch, embedding_dim), not L2-normalised.
    Raises: ValueError if an argument is out of range.
    Reference: Inception-v4, https://arxiv.org/abs/1602.07261, section 3.2, with the
        stem, the scales and the embedding of facenet-pytorch.
    """

    LEAST_SIZE = 75

    def __init__(
        self,
        embedding_dim: int = 512,
        width_multiplier: float = 1.0,
        height: int = 160,
        width: int = 160,
        dropout: float = 0.0,
        **kwargs,
    ):
        kwargs.setdefault("name", "inception_resnet_v1")
        super().__init__(
            _embed,
            {
                "embedding_dim": embedding_dim,
                "width_multiplier": width_multiplier,
                "dropout": dropout,
            },
            {"epsilon": 1e-3},
            height=height,
            width=width,
            **kwargs,
        )


def _embed(images, make, embedding_dim, dropout):
    outputs = _stem(make, images)
    for number in range(5):
        name = f"repeat_1_{number}"
        outputs = _residual(make, outputs, BRANCHES["block35"], 32, 0.17, name)
    outputs = _reduction(
        make,
        outputs,
        (((384, 3),), ((192, 1), (192, 3), (256, 3))),
        "mixed_6a",
    )
    for number in range(10):
        name = f"repeat_2_{number}"
        outputs = _residual(make, outputs, BRANCHES["block17"], 128, 0.10, name)
    outputs = _reduction(
        make,
        outputs,
        (
            ((256, 1), (384, 3)),
            ((256, 1), (256, 3)),
            ((256, 1), (256, 3), (256, 3)),
        ),
        "mixed_7a",
    )
    for number in range(5):
        name = f"repeat_3_{number}"
        outputs = _residual(make, outputs, BRANCHES["block8"], 192, 0.20, name)
    outputs = _residual(
        make, outputs, BRANCHES["block8"], 192, 1.0, "block8", relu=False
    )
    outputs = make.layer(layers.GlobalAveragePooling2D, outputs, "avgpool_1a")
    outputs = make.layer(layers.Dropout, outputs, "dropout", rate=dropout)
    outputs = make.layer(
        layers.Dense, outputs, "last_linear", units=embedding_dim, use_bias=False
    )
    return make.batch_norm(outputs, "last_bn")


def _stem(make, images):
    def conv(inputs, channels, size, name, strides=1, padded=False):
        return make.conv_bn_relu(
            inputs, make.channels(channels), size, f"conv2d_{name}", strides, padded
        )

    outputs = conv(images, 32, 3, "1a", strides=2)
    outputs = conv(outputs, 32, 3, "2a")
    outputs = conv(outputs, 64, 3, "2b", padded=True)
    outputs = make.max_pool(outputs, "maxpool_3a", padded=False)
    outputs = conv(outputs, 80, 1, "3b")
    outputs = conv(outputs, 192, 3, "4a")
    return conv(outputs, 256, 3, "4b", strides=2)


def _residual(make, inputs, branches, channels, scale, name, relu=True):
    """inputs + scale * conv(the branches side by side), then ReLU."""
    ends = []
    for number, sizes in enumerate(branches):
        end = inputs
        for place, size in enumerate(sizes):
            # A branch of one convolution is no sequence in the port.
            suffix = f"_{place}" if len(sizes) > 1 else ""
            part = f"{name}_branch{number}{suffix}"
            end = make.conv_bn_relu(end, make.channels(channels), size, part)
        ends.append(end)
    outputs = make.layer(layers.Concatenate, ends, f"{name}_concat")
    outputs = make.conv(outputs, inputs.shape[-1], 1, f"{name}_conv2d", use_bias=True)
    if scale != 1:
        outputs = make.layer(layers.Rescaling, outputs, f"{name}_scale", scale=scale)
    outputs = make.layer(layers.Add, [outputs, inputs], f"{name}_add")
    return make.layer(layers.ReLU, outputs, f"{name}_relu") if relu else outputs


def _reduction(make, inputs, branches, name):
    """Branches of (channels, size), whose last one halves the grid, and a max pool."""
    ends = []
    for number, convolutions in enumerate(branches):
        end = inputs
        for place, (channels, size) in enumerate(convolutions):
            last = place == len(convolutions) - 1
            suffix = f"_{place}" if len(convolutions) > 1 else ""
            end = make.conv_bn_relu(
                end,
                make.channels(channels),
                size,
                f"{name}_branch{number}{suffix}",
                strides=2 if last else 1,
                padded=not last,
            )
        ends.append(end)
    pool = make.max_pool(inputs, f"{name}_branch{len(branches)}", padded=False)
    return make.layer(layers.Concatenate, [*ends, pool], f"{name}_concat")
