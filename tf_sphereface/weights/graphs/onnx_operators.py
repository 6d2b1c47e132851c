"""The operators of ONNX that our backbones can be written in."""

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.weights.graphs import calls
from tf_sphereface.weights.graphs.calls import Call
from tf_sphereface.weights.graphs.values import FIRST, Value


class OnnxCall(Call):
    """One operator: its options too, and the size of the batch."""

    def __init__(self, build, inputs, name, options, batch):
        super().__init__(build, inputs, name)
        self.options, self.batch = options, batch

    def get(self, option, default=None):
        return self.options.get(option, default)

    def axes(self, place=1):
        """Stored axes without the batch, of an attribute or, later, an input."""
        found = self.get("axes", self.constant(place))
        if found is None:
            raise InputError(f"must say its axes: {self.name}")
        return self.behind_batch(np.asarray(found).reshape(-1))

    def behind_batch(self, axes):
        rank = len(self.value.order) + 1
        found = [int(axis) + rank if axis < 0 else int(axis) for axis in axes]
        if not all(1 <= axis < rank for axis in found):
            raise InputError(f"must leave the batch as it is. Received: {self.name}")
        return [axis - 1 for axis in found]

    def window(self, size):
        """Strides and zeros of a convolution or pool."""
        if any(n != 1 for n in self.get("dilations", ())) or self.get("ceil_mode"):
            raise InputError(f"must have no dilations and no ceil_mode: {self.name}")
        strides = tuple(self.get("strides", (1, 1)))
        automatic = self.get("auto_pad", b"NOTSET")
        if len(size) != 2 or len(strides) != 2:
            raise InputError(f"must be of rows and columns: {self.name}")
        if automatic == b"SAME_UPPER":
            return strides, "SAME"
        if automatic not in (b"NOTSET", b"VALID"):
            raise InputError(f"must have explicit pads: {self.name}")
        pads = (0, 0, 0, 0) if automatic == b"VALID" else self.get("pads", (0, 0, 0, 0))
        if len(pads) != 4:
            raise InputError(f"must be of rows and columns: {self.name}")
        return strides, tuple(pads)


def _conv(call):
    weights = call.constant(1)
    if weights is None or weights.ndim != 4:
        raise InputError(f"must be of rows and columns: {call.name}")
    groups, channels = call.get("group", 1), call.value.node.shape[2]
    depthwise = groups > 1
    if depthwise and (groups != channels or weights.shape[0] % groups):
        raise InputError(f"has groups of channels, which no backbone has: {call.name}")
    if depthwise:  # (channels * multiplier, 1, height, width)
        kernel = weights.reshape(groups, -1, *weights.shape[2:]).transpose(2, 3, 0, 1)
    else:
        kernel = weights.transpose(2, 3, 1, 0)
    return call.build.convolve(
        call.value,
        kernel,
        call.constant(2),
        *call.window(weights.shape[2:]),
        call.name,
        order=FIRST,
        depthwise=depthwise,
    )


def _gemm(call):
    matrix = call.constant(1)
    if call.get("transA") or matrix is None or matrix.ndim != 2:
        raise InputError(f"must be a dense layer. Received: {call.name}")
    matrix = (matrix.T if call.get("transB") else matrix) * call.get("alpha", 1.0)
    bias = call.constant(2)
    if bias is not None:
        bias = bias * call.get("beta", 1.0)
        bias = np.broadcast_to(bias.reshape(-1), matrix.shape[1:])
    return call.build.dense(call.value, matrix, bias, call.name)


def _batch_norm(call):
    value, constants = call.value, {}
    if call.get("training_mode"):
        raise InputError(f"must be exported for inference. Received: {call.name}")
    rest = (1,) * (len(value.order) - 1)
    names = ("gamma", "beta", "mean", "variance")
    for place, name in enumerate(names, start=1):
        numbers = np.asarray(call.constant(place))
        constants[name] = value.channels(numbers.reshape(-1, *rest), call.name)
    constants["epsilon"] = np.array([call.get("epsilon", 1e-5)])
    return call.build.affine(value, constants, call.name)


def _clip(call):
    low, high = call.get("min", call.constant(1)), call.get("max", call.constant(2))
    if low is None or (high is not None and np.all(high < np.finfo(np.float32).max)):
        raise InputError(f"has an activation of no known kind: {call.name}")
    return call.build.at_least(call.value, np.asarray(low), call.name)


def _leaky(call):
    alpha = np.array([call.get("alpha", 0.01)])
    return call.build.leaky(call.value, alpha, call.name)


def _prelu(call):
    slope = call.value.channels(call.constant(1), call.name)
    return call.build.leaky(call.value, slope, call.name)


def _pad(call):
    amounts = np.asarray(call.get("pads", call.constant(1))).reshape(2, -1).T
    filled = call.constant(2, call.get("value", 0))
    rank = len(call.value.order) + 1
    sound = call.get("mode", b"constant") == b"constant" and not np.any(filled)
    if not sound or len(call.inputs) > 3 or len(amounts) != rank or any(amounts[0]):
        raise InputError(f"must pad with zeros. Received: {call.name}")
    return call.value.padded(amounts[1:].tolist(), call.name)


def _transpose(call):
    order = list(call.get("perm", ()))
    if order[:1] != [0]:
        raise InputError(f"must leave the batch in its place. Received: {call.name}")
    return call.value.transposed([n - 1 for n in order[1:]], call.name)


def _reshape(call):
    wanted = call.get("shape", call.constant(1))
    return _shaped(call, [int(size) for size in np.asarray(wanted).reshape(-1)])


def _shaped(call, wanted):
    stored = (call.batch, *call.value.stored)
    if not call.get("allowzero"):
        wanted = [
            stored[place] if size == 0 and place < len(stored) else size
            for place, size in enumerate(wanted)
        ]
    if wanted[:1] == [-1]:
        wanted = [call.batch, *wanted[1:]]
    if wanted[:1] != [call.batch] or len(wanted) < 2:
        raise InputError(f"must leave the batch as it is. Received: {call.name}")
    return call.value.reshaped(wanted[1:], call.name)


def _flatten(call):
    if call.get("axis", 1) != 1:
        raise InputError(f"must leave the batch as it is. Received: {call.name}")
    return call.value.reshaped([-1], call.name)


def _squeeze(call):
    gone, stored = call.axes(), call.value.stored
    kept = [size for axis, size in enumerate(stored) if axis not in gone]
    return call.value.reshaped(kept, call.name)


def _unsqueeze(call):
    new = [int(n) for n in np.asarray(call.get("axes", call.constant(1))).reshape(-1)]
    rank = len(call.value.order) + 1 + len(new)
    new, left = {n % rank for n in new}, list(call.value.stored)
    if 0 in new or len(new) + len(left) + 1 != rank:
        raise InputError(f"must leave the batch as it is. Received: {call.name}")
    sizes = [1 if axis in new else left.pop(0) for axis in range(1, rank)]
    return call.value.reshaped(sizes, call.name)


def _max_pool(call):
    size = tuple(call.get("kernel_shape"))
    strides, padding = call.window(size)
    return call.build.max_pool(
        call.value, size, strides, padding, call.name, order=FIRST
    )


def _average_pool(call):
    size = tuple(call.get("kernel_shape"))
    if call.window(size)[1] != (0, 0, 0, 0) or size != call.value.node.shape[:2]:
        raise InputError(f"must be a mean over all places. Received: {call.name}")
    return call.build.mean(call.value, call.name)


def _reduce_mean(call):
    places = {axis for a in call.axes() for axis in call.value.order[a]}
    if places != {0, 1}:
        raise InputError(f"must be a mean over all places. Received: {call.name}")
    return call.build.mean(call.value, call.name, call.get("keepdims", 1) == 1)


def _norm_step(before, after):
    def call_it(call):
        if before in (None, "square") and not _is_of_channels(call):
            raise InputError(f"must be a norm of embeddings. Received: {call.name}")
        return call.build.step(call.value, before, after, call.name)

    return call_it


def _is_of_channels(call):
    axes = call.axes()
    return any(2 in call.value.order[axis] for axis in axes)


def _l2(call):
    axis = call.behind_batch([call.get("axis", -1)])[0]
    if call.get("p", 2) != 2 or 2 not in call.value.order[axis]:
        raise InputError(f"must be a norm of embeddings. Received: {call.name}")
    return call.build.step(call.value, None, "unit", call.name)


def _power(call):
    exponent = call.constant(1)
    if exponent is None or not np.all(exponent == 2):
        raise InputError(f"must be a square. Received: {call.name}")
    return call.build.product(call.value, call.value, call.name)


def _concat(call):
    if not all(isinstance(each, Value) for each in call.inputs):
        raise InputError(f"must join maps. Received: {call.name}")
    axis = call.behind_batch([call.get("axis")])[0]
    return call.build.concatenate(call.inputs, axis, call.name)


RULES = {
    "Abs": lambda call: call.build.absolute(call.value, call.name),
    "Add": calls.add,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": calls.same,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Div": calls.divide,
    "Dropout": calls.same,
    "Expand": calls.same,  # of a norm to the shape of the embedding
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda call: call.build.mean(call.value, call.name),
    "Identity": calls.same,
    "LeakyRelu": _leaky,
    "LpNormalization": _l2,
    "MatMul": _gemm,
    "Max": calls.maximum,
    "MaxPool": _max_pool,
    "Min": calls.minimum,
    "Mul": calls.multiply,
    "Neg": calls.negative,
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": _power,
    "Reciprocal": _norm_step("norm", "inverse"),
    "ReduceL2": _norm_step(None, "norm"),
    "ReduceMean": _reduce_mean,
    "ReduceSum": _norm_step("square", "sum"),
    "ReduceSumSquare": _norm_step(None, "sum"),
    "Relu": lambda call: call.build.relu(call.value, call.name),
    "Reshape": _reshape,
    "Sqrt": _norm_step("sum", "norm"),
    "Squeeze": _squeeze,
    "Sub": calls.subtract,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
