"""The published networks in NumPy, float64, images (3, rows, columns): the oracle.

Each is written from the PyTorch or Caffe description once, and takes its weights from a
function of (name, shape): one that makes them, or one that looks them up.
"""

import numpy as np


def make_state(network, seed=0, **arguments):
    """Random weights of a network, by PyTorch's names, float32 in PyTorch's order."""
    rng = np.random.default_rng(seed)
    state = {}

    def make(name, shape):
        fan_in = max(1, int(np.prod(shape[1:])))
        low, high = {
            "running_var": (0.5, 1.5),
            "running_mean": (-0.3, 0.3),
        }.get(name.rpartition(".")[2], (-1.0, 1.0))
        scale = np.sqrt(3 / fan_in) if len(shape) > 1 else 1.0
        state[name] = (rng.uniform(low, high, shape) * scale).astype(np.float32)
        return state[name].astype(np.float64)

    network(make, np.zeros(arguments.pop("image", (3, 112, 96))), **arguments)
    return state


def run(network, state, image, **arguments):
    """The embedding of an image (rows, columns, 3), as our networks take it."""
    return network(
        lambda name, shape: state[name].astype(np.float64).reshape(shape),
        image.transpose(2, 0, 1).astype(np.float64),
        **arguments,
    )


def convolve(values, kernel, stride=1, padding=0, depthwise=False):
    values = np.pad(values, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(
        values, kernel.shape[2:], axis=(1, 2)
    )[:, ::stride, ::stride]
    if depthwise:
        return np.einsum("chwyx,cyx->chw", windows, kernel[:, 0])
    return np.einsum("chwyx,ocyx->ohw", windows, kernel, optimize=True)


def each(channels):
    return channels[:, None, None]


def prelu(values, slope):
    return np.maximum(values, 0) + each(slope) * np.minimum(values, 0)


def batch_norm(get, values, path):
    count = values.shape[:1]
    gamma, beta = get(f"{path}.weight", count), get(f"{path}.bias", count)
    mean = get(f"{path}.running_mean", count)
    variance = get(f"{path}.running_var", count)
    factor, rest = gamma / np.sqrt(variance + 1e-5), (1,) * (values.ndim - 1)
    shift = beta - mean * factor
    return values * factor.reshape(-1, *rest) + shift.reshape(-1, *rest)


def sphere20(get, image, width=1 / 16, dim=8, residual_bias=True):
    """SphereFace-20, with a bias on every convolution as in the PyTorch port."""
    values = image
    for stage, units in enumerate((1, 2, 4, 1), start=1):
        channels = round(64 * width) * 2 ** (stage - 1)

        def unit(values, number, stride, stage=stage, channels=channels):
            path = f"conv{stage}_{number}"
            shape = (channels, values.shape[0], 3, 3)
            values = convolve(values, get(f"{path}.weight", shape), stride, 1)
            if residual_bias or number == 1:
                values = values + each(get(f"{path}.bias", (channels,)))
            return prelu(values, get(f"relu{stage}_{number}.weight", (channels,)))

        values = unit(values, 1, 2)
        for k in range(units):
            values = values + unit(unit(values, 2 * k + 2, 1), 2 * k + 3, 1)
    flat = values.reshape(-1)
    return get("fc5.weight", (dim, flat.size)) @ flat + get("fc5.bias", (dim,))


def mobilefacenet(get, image, width=1 / 8, dim=8):
    """MobileFaceNet as its PyTorch port names it."""

    def block(values, path, channels, size, stride=1, padding=0, groups=False):
        shape = (channels, 1 if groups else values.shape[0], *size)
        kernel = get(f"{path}.weight", shape)
        return convolve(values, kernel, stride, padding, groups)

    def named(values, path, channels, size, linear=False, **options):
        values = block(values, f"{path}.conv", channels, size, **options)
        values = batch_norm(get, values, f"{path}.bn")
        if linear:
            return values
        return prelu(values, get(f"{path}.prelu.weight", (channels,)))

    def sized(channels):
        return round(channels * width)

    first = sized(64)
    values = named(image, "conv1", first, (3, 3), stride=2, padding=1)
    values = named(values, "dw_conv1", first, (3, 3), padding=1, groups=True)
    number = 0
    for expansion, channels, repeats, stride in (
        (2, 64, 5, 2),
        (4, 128, 1, 2),
        (2, 128, 6, 1),
        (4, 128, 1, 2),
        (2, 128, 2, 1),
    ):
        for repeat in range(repeats):
            path = f"blocks.{number}.conv"
            wide = expansion * values.shape[0]
            step = 1 if repeat else stride
            inner = block(values, f"{path}.0", wide, (1, 1))
            inner = batch_norm(get, inner, f"{path}.1")
            inner = prelu(inner, get(f"{path}.2.weight", (wide,)))
            inner = block(inner, f"{path}.3", wide, (3, 3), step, 1, True)
            inner = batch_norm(get, inner, f"{path}.4")
            inner = prelu(inner, get(f"{path}.5.weight", (wide,)))
            inner = block(inner, f"{path}.6", sized(channels), (1, 1))
            inner = batch_norm(get, inner, f"{path}.7")
            joined = step == 1 and values.shape[0] == sized(channels)
            values = values + inner if joined else inner
            number += 1
    last = sized(512)
    values = named(values, "conv2", last, (1, 1))
    places = values.shape[1:]
    values = named(values, "linear7", last, places, linear=True, groups=True)
    return named(values, "linear1", dim, (1, 1), linear=True).reshape(-1)


def iresnet18(get, image, width=1 / 16, dim=8):
    """IResNet-18 as InsightFace's PyTorch code names it."""

    def conv(values, path, channels, size=3, stride=1):
        shape = (channels, values.shape[0], size, size)
        return convolve(values, get(f"{path}.weight", shape), stride, size // 2)

    def sloped(values, path):
        return prelu(values, get(f"{path}.weight", values.shape[:1]))

    values = conv(image, "conv1", round(64 * width))
    values = sloped(batch_norm(get, values, "bn1"), "prelu")
    for stage in range(1, 5):
        channels = round(64 * width) * 2 ** (stage - 1)
        for number in range(2):
            path, stride = f"layer{stage}.{number}", 1 if number else 2
            inner = batch_norm(get, values, f"{path}.bn1")
            inner = batch_norm(
                get, conv(inner, f"{path}.conv1", channels), f"{path}.bn2"
            )
            inner = sloped(inner, f"{path}.prelu")
            inner = conv(inner, f"{path}.conv2", channels, stride=stride)
            inner = batch_norm(get, inner, f"{path}.bn3")
            if not number:
                values = conv(values, f"{path}.downsample.0", channels, 1, stride)
                values = batch_norm(get, values, f"{path}.downsample.1")
            values = values + inner
    flat = batch_norm(get, values, "bn2").reshape(-1)
    values = get("fc.weight", (dim, flat.size)) @ flat + get("fc.bias", (dim,))
    return batch_norm(get, values, "features")
