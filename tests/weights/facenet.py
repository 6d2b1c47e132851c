"""FaceNet's Inception-ResNet-v1 in NumPy, float64, by TensorFlow's names: the oracle.

Written once from the public slim code; images and maps are (rows, columns, channels).
"""

import numpy as np

from tests.backbones.slow_network import max_pool, windows

SIZE = 75  # pixels, the least that reaches the last layer
SCOPE = "InceptionResnetV1"


def make_state(seed=0, **arguments):
    """Random variables by name, float32."""
    rng = np.random.default_rng(seed)
    state = {}

    def make(name, shape):
        low, high = {
            "moving_variance": (0.5, 1.5),
            "moving_mean": (-0.3, 0.3),
        }.get(name.rpartition("/")[2], (-1.0, 1.0))
        scale = np.sqrt(3 / np.prod(shape[:-1])) if len(shape) > 1 else 1.0
        state[name] = (rng.uniform(low, high, shape) * scale).astype(np.float32)
        return state[name].astype(np.float64)

    network(make, np.zeros((SIZE, SIZE, 3)), **arguments)
    return state


def embed(state, image, **arguments):
    def get(name, shape):
        assert state[name].shape == shape
        return state[name].astype(np.float64)

    return network(get, image.astype(np.float64), **arguments)


def network(get, image, width=1 / 16, dim=8):
    def normed(values, scope):
        count = values.shape[-1:]
        mean = get(f"{scope}/BatchNorm/moving_mean", count)
        variance = get(f"{scope}/BatchNorm/moving_variance", count)
        shift = get(f"{scope}/BatchNorm/beta", count)
        return (values - mean) / np.sqrt(variance + 0.001) + shift

    def linear(values, scope, channels, size, stride=1, same=True):
        kernel = get(f"{scope}/weights", (*size, values.shape[2], channels))
        padding = (size[0] // 2, size[1] // 2) if same else (0, 0)
        views = windows(values, size, stride, padding)
        return np.einsum("rcixy,xyio->rco", views, kernel, optimize=True)

    def conv(values, scope, channels, name, stride=1, same=True):
        rows, columns = name.rpartition("_")[2].split("x")
        size, scope = (int(rows), int(columns)), f"{SCOPE}/{scope}Conv2d_{name}"
        values = linear(values, scope, round(channels * width), size, stride, same)
        return np.maximum(normed(values, scope), 0)

    def chain(values, scope, steps):
        """Convolutions of (channels, name); "1a" halves the map."""
        for channels, name in steps:
            halves = name.startswith("1a")
            stride = 2 if halves else 1
            values = conv(values, f"{scope}/", channels, name, stride, not halves)
        return values

    def block(values, scope, branches, scale, last=False):
        ends = [
            chain(values, f"{scope}/Branch_{number}", steps)
            for number, steps in enumerate(branches)
        ]
        joined, up = np.concatenate(ends, -1), f"{SCOPE}/{scope}/Conv2d_1x1"
        channels = values.shape[2]
        joined = linear(joined, up, channels, (1, 1)) + get(f"{up}/biases", (channels,))
        values = values + scale * joined
        return values if last else np.maximum(values, 0)

    def reduction(values, scope, branches):
        ends = [
            chain(values, f"{scope}/Branch_{number}", steps)
            for number, steps in enumerate(branches)
        ]
        return np.concatenate([*ends, max_pool(values, 2, (0, 0))], -1)

    values = conv(image, "", 32, "1a_3x3", 2, False)
    values = conv(values, "", 32, "2a_3x3", 1, False)
    values = max_pool(conv(values, "", 64, "2b_3x3"), 2, (0, 0))
    values = conv(values, "", 80, "3b_1x1", 1, False)
    values = conv(values, "", 192, "4a_3x3", 1, False)
    values = conv(values, "", 256, "4b_3x3", 2, False)
    pair = [(32, "0a_1x1"), (32, "0b_3x3")]
    for number in range(1, 6):
        branches = [[(32, "1x1")], pair, [*pair, (32, "0c_3x3")]]
        values = block(values, f"Repeat/block35_{number}", branches, 0.17)
    three = [(192, "0a_1x1"), (192, "0b_3x3"), (256, "1a_3x3")]
    values = reduction(values, "Mixed_6a", [[(384, "1a_3x3")], three])
    for number in range(1, 11):
        three = [(128, "0a_1x1"), (128, "0b_1x7"), (128, "0c_7x1")]
        scope = f"Repeat_1/block17_{number}"
        values = block(values, scope, [[(128, "1x1")], three], 0.1)
    branches = [
        [(256, "0a_1x1"), (384, "1a_3x3")],
        [(256, "0a_1x1"), (256, "1a_3x3")],
        [(256, "0a_1x1"), (256, "0b_3x3"), (256, "1a_3x3")],
    ]
    values = reduction(values, "Mixed_7a", branches)
    three = [(192, "0a_1x1"), (192, "0b_1x3"), (192, "0c_3x1")]
    for number in range(1, 6):
        scope = f"Repeat_2/block8_{number}"
        values = block(values, scope, [[(192, "1x1")], three], 0.2)
    values = block(values, "Block8", [[(192, "1x1")], three], 1.0, last=True)
    pooled = values.mean((0, 1))
    scope = f"{SCOPE}/Bottleneck"
    return normed(pooled @ get(f"{scope}/weights", (pooled.size, dim)), scope)
