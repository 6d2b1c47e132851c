"""Embedding networks from the classifiers that ship with Keras."""

import functools
import os
from collections.abc import Mapping
from typing import Literal

import keras
from keras import layers

from tf_sphereface.backbones.backbone import LARGEST_MULTIPLIER, Backbone
from tf_sphereface.precision import channels_last, dtype_policy

_SIGNED = {"pixel_mean": 127.5, "pixel_scale": 127.5}
_RAW = {"pixel_mean": 0.0, "pixel_scale": 1.0}
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR, of ImageNet
_TORCH_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)  # RGB
_TORCH_VARIANCE = ((0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2)
_CAFFE = ({**_RAW, "channel_order": "BGR"}, (_CAFFE_MEAN, (1.0, 1.0, 1.0)))
# Beginnings of names, the first that fits counts: the pixel contract of the family, and
# mean and variance of the channels where they differ, as a backbone's has but one.
_PIXELS = (
    ("EfficientNet", (_RAW, None)),  # these three have their preprocessing inside
    ("ConvNeXt", (_RAW, None)),
    ("MobileNetV3", (_RAW, None)),
    ("MobileNet", (_SIGNED, None)),
    ("Inception", (_SIGNED, None)),
    ("Xception", (_SIGNED, None)),
    ("NASNet", (_SIGNED, None)),
    ("ResNet50V2", (_SIGNED, None)),
    ("ResNet101V2", (_SIGNED, None)),
    ("ResNet152V2", (_SIGNED, None)),
    ("ResNet", _CAFFE),
    ("VGG", _CAFFE),
    ("DenseNet", (_RAW, (_TORCH_MEAN, _TORCH_VARIANCE))),
)
# Options that multiply channels.
_MULTIPLIERS = {"alpha", "depth_multiplier"}
POOLINGS = ("average", "flatten")
NO_OPTIONS = {}


@keras.saving.register_keras_serializable(package="tf_sphereface")
class KerasApplication(Backbone):
    """A network of `keras.applications` without its classifier, and a linear embedding.

    Pooling, dropout, then a dense layer (`embedding`) without activation. The pixel
    contract is the one that the network's ImageNet weights were trained with; means
    of single channels are a layer inside the network.

    Args:
        application: Name in `keras.applications`, such as "MobileNetV2".
        embedding_dim: Length of the embedding.
        height: Rows of the input, pixels; some networks need about 75.
        width: Columns of the input, pixels.
        pooling: "average" over all places, or "flatten", which keeps the places apart.
        dropout: Share of the pooled values that is dropped in training.
        options: Dict of further arguments of the function, such as {"alpha": 0.5}.
        weights: None, or "imagenet", or a file of weights without the classifier. Not
            kept in the config: a saved model has its own.
        **kwargs: Of `Backbone`; channel order, mean and scale of the pixels may be
            given to differ from the network's own.

    Call arguments:
        inputs: Float (batch, height, width, 3), as `pixel_contract.normalize` gives.

    Returns: Float (batch, embedding_dim), not L2-normalised.
    Raises: ValueError if an argument is out of range.
    """

    def __init__(
        self,
        application: str,
        embedding_dim: int = 512,
        height: int = 112,
        width: int = 96,
        pooling: Literal["average", "flatten"] = "average",
        dropout: float = 0.0,
        options: Mapping[str, bool | int | float | str] = NO_OPTIONS,
        weights: str | None = None,
        **kwargs,
    ):
        pixels, channel_statistics = pixels_of(application)
        options = dict(options or {})
        kwargs.setdefault("name", application.lower())
        super().__init__(
            functools.partial(_embed, weights, channel_statistics),
            {
                "application": application,
                "embedding_dim": embedding_dim,
                "pooling": pooling,
                "dropout": dropout,
                "options": options,
            },
            height=height,
            width=width,
            **{**pixels, **kwargs},
        )

    @classmethod
    def check(
        cls, *, application, pooling="average", weights=None, options=None, **others
    ):
        pixels_of(application)
        for name in _MULTIPLIERS & set(options or {}):
            factor = options[name]
            number = isinstance(factor, int | float) and not isinstance(factor, bool)
            if not number or not 0 < factor <= LARGEST_MULTIPLIER:
                raise ValueError(
                    f"`{name}` must be a factor on channels, positive and at most "
                    f"{LARGEST_MULTIPLIER}. Received: {name}={factor!r}"
                )
        if weights not in (None, "imagenet") and not os.path.exists(weights):
            raise ValueError(
                f"`weights` must be None, 'imagenet' or a file. Received: {weights=}"
            )
        if pooling not in POOLINGS:
            raise ValueError(
                f"`pooling` must be one of {POOLINGS}. Received: {pooling=}"
            )
        super().check(**others)


def from_keras_application(
    application,
    embedding_dim=512,
    height=112,
    width=96,
    weights=None,
    **arguments,
):
    """Puts an embedding on a network of `keras.applications`.

    Args:
        application: Name in `keras.applications`, or the function itself.
        embedding_dim: Length of the embedding.
        height: Rows of the input, pixels.
        width: Columns of the input, pixels.
        weights: None for fresh weights, "imagenet", which are downloaded, or a file.
        **arguments: Of `KerasApplication`.

    Returns: A `KerasApplication`, to be trained, saved and exported like any backbone.
    Raises: ValueError if there is no such network, or an argument is out of range.

    Example:
        backbone = from_keras_application("MobileNetV2", options={"alpha": 0.5})
    """
    name = application
    if not isinstance(application, str):
        name = getattr(application, "__name__", "")
    if application not in (name, getattr(keras.applications, name, None)):
        raise ValueError(
            "`application` must be a function of keras.applications. "
            f"Received: application={application!r}"
        )
    return KerasApplication(
        name, embedding_dim, height, width, weights=weights, **arguments
    )


def pixels_of(application):
    """Pixel contract of an application's ImageNet weights.

    Args:
        application: Name in `keras.applications`.

    Returns: Arguments of `Backbone` for the pixel contract, and None or the mean and
        the variance of each channel, which are subtracted and divided by after it.
    Raises: ValueError if there is no such network.
    """
    if callable(getattr(keras.applications, str(application), None)):
        for beginning, pixels in _PIXELS:
            if application.startswith(beginning):
                return pixels
    raise ValueError(
        "`application` must be the name of a network in keras.applications. "
        f"Received: application={application!r}"
    )


def _standardized(images, channel_statistics, dtype):
    if channel_statistics is None:
        return images
    mean, variance = channel_statistics
    return layers.Normalization(
        mean=mean, variance=variance, name="channel_statistics", dtype=dtype
    )(images)


def _embed(
    weights,
    channel_statistics,
    images,
    make,
    application,
    embedding_dim,
    pooling,
    dropout,
    options,
):
    images = _standardized(images, channel_statistics, make.dtype)
    # These functions take neither: only Keras' settings count.
    policy = keras.dtype_policies.get(make.dtype)
    with dtype_policy(policy), channels_last():
        network = getattr(keras.applications, application)(
            include_top=False, input_tensor=images, **options, weights=weights
        )
    if pooling == "average":
        pooled = make.layer(layers.GlobalAveragePooling2D, network.output, "pooling")
    else:
        pooled = make.layer(layers.Flatten, network.output, "flatten")
    if dropout:
        pooled = make.layer(layers.Dropout, pooled, "dropout", rate=dropout)
    return make.layer(layers.Dense, pooled, "embedding", units=embedding_dim)
