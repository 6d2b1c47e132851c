"""Batch norm folded into the layer before it: the same function, fewer operators."""

import collections

import keras
from keras import layers

from tf_sphereface.deployment.conversion.batch_norm_weights import (
    factor_and_shift,
    folded_weights,
)

_FOLDABLE = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)


def fold_batch_norm(network: keras.Model) -> keras.Model:
    """The network in inference, each batch norm folded into the convolution before it.

    A batch norm stays if something else than a linear convolution or dense layer is
    before it, or if another layer also takes that layer's output. What is no functional
    model is returned as it is.

    Args:
        network: Built float32 network, any shapes.

    Returns: Functional model of the same names, shapes and embeddings (up to rounding);
        the network is unchanged.
    """
    if not _is_functional(network):
        return network
    before = _layers_before_batch_norm(network)
    folded = {layer.name: norm for norm, layer in before.items()}
    norms = {norm.name for norm in before}
    weights = {}

    def clone(layer):
        config = layer.get_config()
        if layer.name in folded:
            config["use_bias"] = True
            weights[layer.name] = _folded_weights(layer, folded[layer.name])
        elif getattr(layer, "weights", None):  # operators such as Add have none
            weights[layer.name] = layer.get_weights()
        return layer.__class__.from_config(config)

    def call(layer, *args, **kwargs):
        return args[0] if layer.name in norms else layer(*args, **kwargs)

    clones = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for layer in clones.layers:
        if layer.name in weights:
            layer.set_weights(weights[layer.name])
    return clones


def _is_functional(network):
    return isinstance(network, keras.Model) and hasattr(network, "_run_through_graph")


def _layers_before_batch_norm(network):
    """Pairs of a batch norm and the layer that it is folded into."""
    takers, single = collections.Counter(), {}
    for layer in network.operations:  # operators too take a layer's output
        nodes = layer._inbound_nodes
        for tensor in (tensor for node in nodes for tensor in node.input_tensors):
            takers[tensor._keras_history.operation] += 1
        if len(nodes) == 1:
            single[layer] = nodes[0].input_tensors
    for tensor in keras.tree.flatten(network.outputs):
        takers[tensor._keras_history.operation] += 1
    found = {}
    for layer, inputs in single.items():
        if not isinstance(layer, layers.BatchNormalization) or len(inputs) > 1:
            continue
        before, last = inputs[0]._keras_history.operation, len(inputs[0].shape) - 1
        alone = before in single and takers[before] == 1
        if alone and _is_linear(before) and layer.axis in (-1, last):
            found[layer] = before
    return found


def _is_linear(layer):
    return (
        type(layer) in _FOLDABLE
        and layer.activation is keras.activations.linear
        and getattr(layer, "data_format", "channels_last") == "channels_last"
    )


def _folded_weights(layer, norm):
    affine = factor_and_shift(
        norm.moving_mean, norm.moving_variance, norm.epsilon, norm.gamma, norm.beta
    )
    depthwise = isinstance(layer, layers.DepthwiseConv2D)
    bias = layer.bias if layer.use_bias else None
    return folded_weights(layer.weights[0], bias, *affine, depthwise)
