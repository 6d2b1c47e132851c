"""What all embedding networks have in common: the pixel contract and the config."""

import math

import keras

from tf_sphereface.backbones.layer_maker import LayerMaker
from tf_sphereface.backbones.stages import stages
from tf_sphereface.preprocessing import PixelContract


class Backbone(keras.Model):
    """An embedding network that knows its pixel contract and is rebuilt from a config.

    A subclass describes its layers and names its arguments. Pixels, precision, saving
    and loading are here. No network ends with an activation: embeddings are free to
    take any sign, which a margin of angles needs.

    Args:
        embed: Function of (images, make, **arguments) to embeddings, both Keras
            tensors: float (batch, height, columns, 3) and (batch, embedding_dim).
            `make` is a `LayerMaker`, which has the width.
        arguments: The subclass's own arguments for `get_config`, by their names;
            `embedding_dim` and, if it is one of them, `width` are checked here.
        layer_options: Arguments of the `LayerMaker` besides dtype and width.
        height: Rows of the input, pixels.
        columns: Columns of the input, pixels.
        channel_order: "RGB" or "BGR", what the network expects.
        pixel_mean: Subtracted from the pixel value 0..255.
        pixel_scale: Divides the difference.
        dtype: Policy of all layers; None: the global one.
        provenance: Where imported weights come from, texts by name; kept in the config,
            so that it travels with the model.
        frozen_stages: How many of its `stages`, from the image on, do not learn; their
            batch norm keeps its statistics. May be set later too.
        **kwargs: `name` and `trainable` of a Keras model.

    Call arguments:
        inputs: Float (batch, height, columns, 3), as `pixel_contract.normalize` gives.

    Returns: Float (batch, embedding_dim), not L2-normalised.
    Raises: ValueError if an argument is out of range.
    """

    def __init__(
        self,
        embed,
        arguments,
        layer_options=None,
        *,
        height,
        columns,
        channel_order="RGB",
        pixel_mean=127.5,
        pixel_scale=128.0,
        dtype=None,
        provenance=None,
        frozen_stages=0,
        **kwargs,
    ):
        contract = PixelContract(
            height, columns, channel_order, mean=pixel_mean, scale=pixel_scale
        )
        check_sizes(arguments["embedding_dim"], arguments.get("width", 1.0))
        images = keras.Input(
            (height, columns, 3),
            name="aligned_face",
            dtype=keras.dtype_policies.get(dtype).variable_dtype,
        )
        own = dict(arguments)
        make = LayerMaker(dtype, own.pop("width", 1.0), **(layer_options or {}))
        super().__init__(inputs=images, outputs=embed(images, make, **own), **kwargs)
        if dtype is not None:  # a functional model takes the global policy
            self.dtype_policy = keras.dtype_policies.get(dtype)
        self.pixel_contract = contract
        self.provenance = dict(provenance or {})
        self._arguments = {
            **arguments,
            "height": height,
            "columns": columns,
            "channel_order": channel_order,
            "pixel_mean": pixel_mean,
            "pixel_scale": pixel_scale,
        }
        self.frozen_stages = frozen_stages

    @property
    def frozen_stages(self):
        """How many stages, from the image on, do not learn, int."""
        return self._frozen_stages

    @frozen_stages.setter
    def frozen_stages(self, count):
        groups = stages(self)
        whole = isinstance(count, int) and not isinstance(count, bool)
        if not (whole and 0 <= count <= len(groups)):
            raise ValueError(
                f"`frozen_stages` must be an integer between 0 and {len(groups)}, the "
                f"stages of {self.name}. Received: frozen_stages={count!r}"
            )
        for number, group in enumerate(groups):
            for layer in group:
                layer.trainable = number >= count
        for variable in self.fixed_weights():
            variable.trainable = False
        self._frozen_stages = count

    def fixed_weights(self):
        """Weights that never learn, a list of Keras variables."""
        return []

    def get_config(self):
        return {
            **self._arguments,
            "provenance": dict(self.provenance),
            "frozen_stages": self.frozen_stages,
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        config["dtype"] = keras.dtype_policies.get(config.get("dtype"))
        return cls(**config)


def check_sizes(embedding_dim, width):
    """Raises ValueError if a backbone cannot have these."""
    if embedding_dim < 1:
        raise ValueError(
            f"`embedding_dim` must be >= 1. Received: embedding_dim={embedding_dim!r}"
        )
    if not 0 < width < math.inf:
        raise ValueError(
            f"`width` must be positive and finite. Received: width={width!r}"
        )


def check_least_size(height, columns, least):
    """Raises ValueError if nothing of an image this small reaches the last layer."""
    if min(height, columns) < least:
        raise ValueError(
            f"`height` and `columns` must be at least {least}. "
            f"Received: height={height!r}, columns={columns!r}"
        )
