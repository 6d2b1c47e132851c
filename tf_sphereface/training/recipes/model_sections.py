"""The sections of a recipe that describe the network, the head and the losses.

Keras is loaded when such a section is read, not when this module is.
"""

from tf_sphereface.native_messages import load_tensorflow
from tf_sphereface.network_names import with_depth
from tf_sphereface.training.recipes.constructor_sections import named_section


def no_head():
    """The head of a training with metric losses alone."""


def _backbones():
    load_tensorflow(("tensorflow", "jax"))
    from tf_sphereface.backbones import BACKBONES

    return BACKBONES


def _heads():
    load_tensorflow(("tensorflow", "jax"))
    from tf_sphereface.heads import HEADS

    return {**HEADS, "none": no_head}


def _metric_losses():
    load_tensorflow(("tensorflow", "jax"))
    from tf_sphereface.losses import METRIC_LOSSES

    return METRIC_LOSSES


def _with_full_name(table):
    arguments = {"name": "sphereface_cnn", **table}
    name, arguments = with_depth(arguments.pop("name"), arguments)
    return {"name": name, **arguments}


BackboneRecipe = named_section(_backbones, _with_full_name)
HeadRecipe = named_section(_heads)
MetricLossRecipe = named_section(_metric_losses)
