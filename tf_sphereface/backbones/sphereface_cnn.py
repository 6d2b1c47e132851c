"""The residual networks of the SphereFace paper, 4 to 64 layers deep."""

from typing import Literal

import keras
from keras import layers

from tf_sphereface.backbones.backbone import Backbone

# Residual units in the stages of 64, 128, 256 and 512 channels (the paper's Table 2).
RESIDUAL_UNITS = {
    4: (0, 0, 0, 0),
    10: (0, 1, 2, 0),
    20: (1, 2, 4, 1),
    36: (2, 4, 8, 2),
    64: (3, 8, 16, 3),
}
STAGE_CHANNELS = (64, 128, 256, 512)


@keras.saving.register_keras_serializable(package="tf_sphereface")
class SphereFaceCNN(Backbone):
    """Embedding network of SphereFace: 3 x 3 convolutions, PReLU, residual units, FC1.

    Layers carry the names of the Caffe release (conv1_1, relu1_1, ..., fc5). There is
    no activation after FC1: embeddings are free to take any sign.

    Args:
        depth: 4, 10, 20, 36 or 64.
        embedding_dim: Length of the embedding; 512 in the paper.
        width_multiplier: Factor on the channels of every stage; 1 in the paper. Smaller
            networks are for trials on a CPU.
        height: Rows of the input, pixels.
        width: Columns of the input, pixels.
        batch_norm: Batch norm (bn1_1, ...) between each convolution, which then has no
            bias, and its PReLU. The paper has none; later systems do.
        residual_bias: Whether the convolutions of residual units have a bias too, as in
            a PyTorch port of the paper. In the release it is kept at 0.
        **kwargs: Of `Backbone`.

    Call arguments:
        inputs: Float (batch, height, width, 3), as `PixelContract.normalize` gives.

    Returns: Float (batch, embedding_dim), not L2-normalised.
    Raises: ValueError if an argument is out of range.
    Reference: SphereFace, https://arxiv.org/abs/1704.08063, Table 2.
    """

    def __init__(
        self,
        depth: Literal[4, 10, 20, 36, 64] = 20,
        embedding_dim: int = 512,
        width_multiplier: float = 1.0,
        height: int = 112,
        width: int = 96,
        batch_norm: bool = False,
        *,
        residual_bias: bool = False,
        **kwargs,
    ):
        kwargs.setdefault("name", f"sphereface{depth}")
        super().__init__(
            _embed,
            {
                "depth": depth,
                "embedding_dim": embedding_dim,
                "width_multiplier": width_multiplier,
                "batch_norm": batch_norm,
                "residual_bias": residual_bias,
            },
            {"kernel_initializer": "lecun_uniform"},
            height=height,
            width=width,
            **kwargs,
        )

    @classmethod
    def check(cls, *, depth, batch_norm=False, residual_bias=False, **others):
        if depth not in RESIDUAL_UNITS:
            raise ValueError(
                f"`depth` must be one of {sorted(RESIDUAL_UNITS)}. Received: {depth=}"
            )
        if batch_norm and residual_bias:
            raise ValueError(
                "`residual_bias` must be False with batch norm, which has its own. "
                f"Received: {residual_bias=}"
            )
        super().check(**others)


def _embed(images, make, depth, embedding_dim, batch_norm, residual_bias):
    outputs = images
    for stage, channels in enumerate(STAGE_CHANNELS, start=1):
        channels = make.channels(channels)
        outputs = make.conv(
            outputs,
            channels,
            3,
            f"conv{stage}_1",
            strides=2,
            use_bias=not batch_norm,
        )
        outputs = _activated(make, outputs, f"{stage}_1", batch_norm)
        for unit in range(RESIDUAL_UNITS[depth][stage - 1]):
            branch = outputs
            for layer in (2 * unit + 2, 2 * unit + 3):
                branch = make.conv(
                    branch,
                    channels,
                    3,
                    f"conv{stage}_{layer}",
                    use_bias=residual_bias,
                    kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
                )
                branch = _activated(make, branch, f"{stage}_{layer}", batch_norm)
            name = f"res{stage}_{2 * unit + 3}"
            outputs = make.layer(layers.Add, [outputs, branch], name)
    outputs = make.layer(layers.Flatten, outputs, "flatten")
    # The name of the paper's FC1 in the release is fc5.
    return make.layer(
        layers.Dense,
        outputs,
        "fc5",
        units=embedding_dim,
        kernel_initializer="lecun_uniform",
    )


def _activated(make, inputs, number, batch_norm):
    if batch_norm:
        inputs = make.batch_norm(inputs, f"bn{number}")
    return make.prelu(inputs, f"relu{number}")
