"""The common part of all embedding networks: the pixel contract and the config."""

from collections.abc import Mapping

import keras

from tf_sphereface.backbones.layer_maker import LayerMaker
from tf_sphereface.backbones.stages import stages
from tf_sphereface.geometry import LARGEST_CROP, CropGeometry
from tf_sphereface.network_names import present_arguments
from tf_sphereface.preprocessing import PixelContract

# A larger factor is a mistake, such as a width in pixels, and takes all memory.
LARGEST_MULTIPLIER = 8
LARGEST_EMBEDDING = 1 << 14


class Backbone(keras.Model):
    """An embedding network that knows its pixel contract and is rebuilt from a config.

    A subclass describes its layers and names its arguments. Pixels, precision, saving
    and loading are here. No network ends with an activation: embeddings are free to
    take any sign, which a margin of angles needs.

    Args:
        embed: Function of (images, make, **arguments) to embeddings, both Keras
            tensors: float (batch, height, width, 3) and (batch, embedding_dim).
            `make` is a `LayerMaker`, which knows the width multiplier and the padding.
        arguments: The subclass's own arguments for `check` and `get_config`, by their
            names.
        layer_options: Arguments of the `LayerMaker` besides dtype and width multiplier.
        height: Rows of the input, pixels.
        width: Columns of the input, pixels.
        channel_order: "RGB" or "BGR", what the network expects.
        pixel_mean: Subtracted from the pixel value 0..255.
        pixel_scale: Divides the difference.
        dtype: Policy of all layers; None: the global one.
        provenance: Where imported weights come from, texts by name; kept in the config,
            so that it travels with the model.
        crop: A `CropGeometry` of this size, or its template and fit by their names:
            what the network was trained on; None: not known. May be set later too.
        frozen_stages: How many of its `stages`, from the image on, do not learn; their
            batch norm keeps its statistics. May be set later too.
        frozen_layers: Names of the layers that do not learn; None: as the stages are.
            Layers whose `trainable` was set by hand are saved by it.
        **kwargs: `name` and `trainable` of a Keras model.

    Call arguments:
        inputs: Float (batch, height, width, 3), as `pixel_contract.normalize` gives.

    Returns: Float (batch, embedding_dim), not L2-normalised.
    Raises: ValueError if an argument is out of range.
    """

    # Pixels a side; with fewer nothing of the image reaches the last layer.
    LEAST_SIZE = 1

    def __init__(
        self,
        embed,
        arguments,
        layer_options=None,
        *,
        height,
        width,
        channel_order="RGB",
        pixel_mean=127.5,
        pixel_scale=128.0,
        dtype=None,
        provenance=None,
        crop=None,
        frozen_stages=0,
        frozen_layers=None,
        **kwargs,
    ):
        self.check(**arguments, height=height, width=width)
        contract = PixelContract(
            height, width, channel_order, mean=pixel_mean, scale=pixel_scale
        )
        images = keras.Input(
            (height, width, 3),
            name="aligned_face",
            dtype=keras.dtype_policies.get(dtype).variable_dtype,
        )
        own = dict(arguments)
        make = LayerMaker(
            dtype,
            own.pop("width_multiplier", 1.0),
            tensorflow_padding=own.pop("tensorflow_padding", False),
            **(layer_options or {}),
        )
        super().__init__(inputs=images, outputs=embed(images, make, **own), **kwargs)
        if dtype is not None:  # a functional model takes the global policy
            self.dtype_policy = keras.dtype_policies.get(dtype)
        self.pixel_contract = contract
        self.provenance = dict(provenance or {})
        if isinstance(crop, Mapping):
            crop = CropGeometry(height, width, **crop)
        self.crop = crop
        self._arguments = {
            **arguments,
            "height": height,
            "width": width,
            "channel_order": channel_order,
            "pixel_mean": pixel_mean,
            "pixel_scale": pixel_scale,
        }
        self.frozen_stages = frozen_stages
        if frozen_layers is not None:
            self._freeze(frozen_layers)

    @classmethod
    def check(
        cls,
        *,
        embedding_dim,
        height,
        width,
        width_multiplier=1.0,
        dropout=0.0,
        **others,
    ):
        """Checks arguments of the constructor without making a network.

        A subclass checks further ones, and passes on the rest.

        Raises: ValueError if one is out of range.
        """
        if not 1 <= embedding_dim <= LARGEST_EMBEDDING:
            raise ValueError(
                f"`embedding_dim` must be >= 1, and at most {LARGEST_EMBEDDING}. "
                f"Received: {embedding_dim=}"
            )
        if not 0 < width_multiplier <= LARGEST_MULTIPLIER:
            raise ValueError(
                "`width_multiplier` must be positive, and at most "
                f"{LARGEST_MULTIPLIER}. Received: {width_multiplier=}"
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"`dropout` must be in [0, 1). Received: {dropout=}")
        if min(height, width) < cls.LEAST_SIZE:
            raise ValueError(
                f"`height` and `width` must be at least {cls.LEAST_SIZE}. "
                f"Received: {height=}, {width=}"
            )
        if max(height, width) > LARGEST_CROP:
            raise ValueError(
                f"`height` and `width` must be at most {LARGEST_CROP}. "
                f"Received: {height=}, {width=}"
            )

    @property
    def frozen_stages(self):
        """Number of stages, from the image on, that do not learn, int."""
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
        self._freeze([layer.name for group in groups[:count] for layer in group])
        self._frozen_stages = count

    def _freeze(self, names):
        """Lets all layers learn but those of these names."""
        unknown = set(names) - {layer.name for layer in self.layers}
        if unknown:
            raise ValueError(
                f"`frozen_layers` must name layers of {self.name}. "
                f"Received: {sorted(unknown)}"
            )
        for layer in self.layers:
            if layer.weights:
                layer.trainable = layer.name not in names
        for variable in self.fixed_weights():
            variable.trainable = False

    def fixed_weights(self):
        """Weights that never learn, a list of Keras variables."""
        return []

    def get_config(self):
        return {
            **self._arguments,
            "provenance": dict(self.provenance),
            "crop": self.crop and self.crop.kind,
            "frozen_stages": self.frozen_stages,
            "frozen_layers": [
                layer.name
                for layer in self.layers
                if layer.weights and not layer.trainable
            ],
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = present_arguments(config)  # of files with the old names
        config["dtype"] = keras.dtype_policies.get(config.get("dtype"))
        return cls(**config)
