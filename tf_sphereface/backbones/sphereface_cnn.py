"""The residual networks of the SphereFace paper, 4 to 64 layers deep."""

import keras
from keras import layers

from tf_sphereface.preprocessing import PixelContract

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
class SphereFaceCNN(keras.Model):
    """Embedding network of SphereFace: 3 x 3 convolutions, PReLU, residual units, FC1.

    Layers carry the names of the Caffe release (conv1_1, relu1_1, ..., fc5). There is
    no activation after FC1: embeddings are free to take any sign.

    Args:
        depth: 4, 10, 20, 36 or 64.
        embedding_dim: Length of the embedding; 512 in the paper.
        width: Factor on the channels of every stage; 1 in the paper. Smaller networks
            are for trials on a CPU.
        channel_order: "RGB" or "BGR", what the network expects.
        height: Rows of the input, pixels.
        columns: Columns of the input, pixels.

    Call arguments:
        inputs: Float (batch, height, columns, 3), as `PixelContract.normalize` gives.

    Returns: Float (batch, embedding_dim), not L2-normalised.
    Raises: ValueError if an argument is out of range.
    Reference: SphereFace, https://arxiv.org/abs/1704.08063, Table 2.
    """

    def __init__(
        self,
        depth=20,
        embedding_dim=512,
        width=1.0,
        channel_order="RGB",
        height=112,
        columns=96,
        **kwargs,
    ):
        if depth not in RESIDUAL_UNITS:
            raise ValueError(
                f"`depth` must be one of {sorted(RESIDUAL_UNITS)}. "
                f"Received: depth={depth!r}"
            )
        if embedding_dim < 1 or not width > 0:
            raise ValueError(
                "`embedding_dim` must be >= 1 and `width` positive. "
                f"Received: embedding_dim={embedding_dim!r}, width={width!r}"
            )
        contract = PixelContract(height, columns, channel_order)
        dtype = kwargs.get("dtype")
        inputs = keras.Input(
            (height, columns, 3),
            name="aligned_face",
            dtype=keras.dtype_policies.get(dtype).variable_dtype,
        )
        outputs = inputs
        for stage, channels in enumerate(STAGE_CHANNELS, start=1):
            channels = max(1, round(channels * width))
            outputs = _stage(
                outputs, stage, channels, RESIDUAL_UNITS[depth][stage - 1], dtype
            )
        outputs = layers.Flatten(name="flatten", dtype=dtype)(outputs)
        # The name of the paper's FC1 in the release is fc5.
        outputs = layers.Dense(
            embedding_dim, kernel_initializer="lecun_uniform", name="fc5", dtype=dtype
        )(outputs)
        kwargs.setdefault("name", f"sphereface{depth}")
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        if dtype is not None:  # a functional model takes the global policy
            self.dtype_policy = keras.dtype_policies.get(dtype)
        self.pixel_contract = contract
        self._arguments = {
            "depth": depth,
            "embedding_dim": embedding_dim,
            "width": width,
            "channel_order": channel_order,
            "height": height,
            "columns": columns,
        }

    def get_config(self):
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        return {
            **self._arguments,
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        config["dtype"] = keras.dtype_policies.get(config.get("dtype"))
        return cls(**config)


def _stage(inputs, stage, channels, units, dtype):
    # "same" would pad a stride of 2 on an even size by (0, 1); Caffe pads by (1, 1).
    outputs = layers.ZeroPadding2D(1, name=f"pad{stage}_1", dtype=dtype)(inputs)
    outputs = layers.Conv2D(
        channels,
        3,
        strides=2,
        kernel_initializer="lecun_uniform",
        name=f"conv{stage}_1",
        dtype=dtype,
    )(outputs)
    outputs = _prelu(f"relu{stage}_1", dtype)(outputs)
    for unit in range(units):
        branch = outputs
        for layer in (2 * unit + 2, 2 * unit + 3):
            branch = layers.Conv2D(
                channels,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
                name=f"conv{stage}_{layer}",
                dtype=dtype,
            )(branch)
            branch = _prelu(f"relu{stage}_{layer}", dtype)(branch)
        outputs = layers.Add(name=f"res{stage}_{2 * unit + 3}", dtype=dtype)(
            [outputs, branch]
        )
    return outputs


def _prelu(name, dtype):
    return layers.PReLU(
        alpha_initializer=keras.initializers.Constant(0.25),
        shared_axes=[1, 2],
        name=name,
        dtype=dtype,
    )
