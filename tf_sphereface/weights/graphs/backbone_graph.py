"""A backbone of ours as a graph whose nodes know their layers."""

import keras
import numpy as np
from keras import layers

from tf_sphereface.backbones.prelu import PReLU
from tf_sphereface.weights.graphs.builder import GraphBuilder
from tf_sphereface.weights.graphs.graph import Graph
from tf_sphereface.weights.graphs.values import LAST, NOWHERE


def graph_of(backbone: keras.Model) -> Graph:
    """The graph of a functional model; its constants are the present weights.

    Raises: ValueError if a layer is of a kind for which there is no rule.
    """
    build, found = GraphBuilder(), {}
    for layer in backbone.operations:  # each behind those that it depends on
        [node] = layer._inbound_nodes
        inputs = [
            found[tensor._keras_history.operation] for tensor in node.input_tensors
        ]
        rule = _RULES.get(type(layer))
        if rule is None:
            raise ValueError(f"no rule for {layer.name} of {type(layer).__name__}")
        found[layer] = rule(build, layer, inputs)
    [output] = backbone.outputs
    value = found[output._keras_history.operation]
    return Graph(build.node_of(value, output._keras_history.operation.name))


def _input(build, layer, _):
    return build.input(tuple(layer.output.shape[1:]), LAST)


def _conv(build, layer, inputs):
    depthwise = isinstance(layer, layers.DepthwiseConv2D)
    return build.convolve(
        inputs[0],
        _numbers(layer.kernel),
        _numbers(layer.bias) if layer.use_bias else None,
        tuple(layer.strides),
        "SAME" if layer.padding == "same" else NOWHERE,
        layer.name,
        depthwise=depthwise,
        layer=layer,
    )


def _dense(build, layer, inputs):
    bias = _numbers(layer.bias) if layer.use_bias else None
    return build.dense(inputs[0], _numbers(layer.kernel), bias, layer.name, layer)


def _batch_norm(build, layer, inputs):
    constants = {
        "gamma": _numbers(layer.gamma),
        "beta": _numbers(layer.beta),
        "mean": _numbers(layer.moving_mean),
        "variance": _numbers(layer.moving_variance),
        "epsilon": np.array([layer.epsilon]),
    }
    return build.affine(inputs[0], constants, layer.name, layer)


def _prelu(build, layer, inputs):
    alpha = _numbers(layer.alpha).reshape(-1)
    return build.prelu_layer(inputs[0], alpha, layer.name, layer)


def _pad(build, layer, inputs):
    return inputs[0].padded([*layer.padding, (0, 0)], layer.name)


def _max_pool(build, layer, inputs):
    return build.max_pool(
        inputs[0],
        tuple(layer.pool_size),
        tuple(layer.strides),
        "SAME" if layer.padding == "same" else NOWHERE,
        layer.name,
    )


def _rescaling(build, layer, inputs):
    value = build.multiply(inputs[0], np.array(layer.scale), layer.name)
    return build.shift(value, np.array(layer.offset), layer.name)


def _numbers(variable):
    return keras.ops.convert_to_numpy(variable)


_RULES = {
    layers.InputLayer: _input,
    layers.Add: lambda build, layer, inputs: build.add(*inputs, layer.name),
    layers.BatchNormalization: _batch_norm,
    layers.Concatenate: lambda build, layer, inputs: build.concatenate(
        inputs, -1, layer.name
    ),
    layers.Conv2D: _conv,
    layers.Dense: _dense,
    layers.DepthwiseConv2D: _conv,
    layers.Dropout: lambda build, layer, inputs: inputs[0],
    layers.Flatten: lambda build, layer, inputs: inputs[0].reshaped([-1], layer.name),
    layers.GlobalAveragePooling2D: lambda build, layer, inputs: build.mean(
        inputs[0], layer.name, keep=False
    ),
    layers.MaxPooling2D: _max_pool,
    PReLU: _prelu,
    layers.ReLU: lambda build, layer, inputs: build.relu(inputs[0], layer.name),
    layers.Rescaling: _rescaling,
    layers.ZeroPadding2D: _pad,
}
