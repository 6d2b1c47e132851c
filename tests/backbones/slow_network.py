"""Layers in plain NumPy float64: the oracle of the backbones' forward passes."""

import numpy as np


def randomize(backbone, seed=0):
    """Random weights, statistics too, of sizes that keep the activations near 1."""
    rng = np.random.default_rng(seed)
    for weight in backbone.weights:
        shape = tuple(weight.shape)
        if weight.name == "moving_variance":
            values = rng.uniform(0.5, 2.0, shape)
        elif weight.name == "gamma":
            values = rng.uniform(0.5, 1.5, shape)
        elif weight.name == "kernel" and len(shape) > 1:
            inputs = np.prod(shape[:-1]) if shape[-1] > 1 else np.prod(shape[:2])
            values = rng.normal(size=shape) / np.sqrt(inputs)
        else:
            values = rng.normal(0.1, 0.3, shape)
        weight.assign(values)


class SlowNetwork:
    """The weights of a backbone by layer, and what each kind of layer does with them.

    Values are (rows, columns, channels); `padding` is of zeros, rows and columns.
    """

    def __init__(self, backbone, epsilon):
        self.epsilon = epsilon
        self.tensors = {
            (layer.name, weight.name): weight.numpy().astype(np.float64)
            for layer in backbone.layers
            for weight in layer.weights
        }

    def conv(self, values, name, stride=1, padding=None):
        kernel = self.tensors[name, "kernel"]
        patches = windows(values, kernel.shape[:2], stride, padding)
        bias = self.tensors.get((name, "bias"), 0.0)
        return np.einsum("rcixy,xyio->rco", patches, kernel) + bias

    def depthwise_conv(self, values, name, stride=1, padding=None):
        kernel = self.tensors[name, "kernel"][..., 0]
        patches = windows(values, kernel.shape[:2], stride, padding)
        return np.einsum("rcixy,xyi->rci", patches, kernel)

    def batch_norm(self, values, name):
        mean = self.tensors[name, "moving_mean"]
        variance = self.tensors[name, "moving_variance"]
        gamma, beta = self.tensors[name, "gamma"], self.tensors[name, "beta"]
        return gamma * (values - mean) / np.sqrt(variance + self.epsilon) + beta

    def prelu(self, values, name):
        alpha = self.tensors[name, "alpha"].reshape(-1)
        return np.where(values > 0, values, alpha * values)

    def dense(self, values, name):
        bias = self.tensors.get((name, "bias"), 0.0)
        return values @ self.tensors[name, "kernel"] + bias

    def conv_bn_relu(self, values, name, stride=1, padding=None):
        values = self.conv(values, f"{name}_conv", stride, padding)
        return np.maximum(self.batch_norm(values, f"{name}_bn"), 0)


def windows(values, size, stride=1, padding=None):
    """(rows, columns, channels, *size); the padding is size // 2 unless given."""
    rows, columns = (part // 2 for part in size) if padding is None else padding
    values = np.pad(values, ((rows, rows), (columns, columns), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(values, size, axis=(0, 1))
    return views[::stride, ::stride]


def max_pool(values, stride=2, padding=None):
    return windows(values, (3, 3), stride, padding).max(axis=(-2, -1))
