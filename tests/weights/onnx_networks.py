"""Networks in ONNX as PyTorch exports them: channels first, flattened in C, H, W.

The weights are state dicts of `ports`, whose functions are the oracle.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


class OnnxNetwork:
    """Adds operators one after the other; names of tensors are strings.

    Args:
        shape: Of the input, such as ("batch", 3, 112, 96).
        prelu: One of PRELUS.
        folded: Whether batch norm goes into the convolution before it.
        epsilon: Of batch norm.
    """

    def __init__(self, state, shape, prelu="operator", folded=False, epsilon=1e-5):
        self.state, self.prelu_form, self.folded = state, prelu, folded
        self.epsilon = epsilon
        self.nodes, self.constants = [], []
        self.input = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)

    def add(self, operator, *inputs, **options):
        output = f"{operator}_{len(self.nodes)}"
        names = [
            each if isinstance(each, str) else self.constant(each) for each in inputs
        ]
        self.nodes.append(
            helper.make_node(operator, names, [output], name=output, **options)
        )
        return output

    def constant(self, values):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def conv(self, tensor, path, stride=1, padding=1, norm=None, groups=1):
        kernel, bias = self.state[f"{path}.weight"], self.state.get(f"{path}.bias")
        if norm and self.folded:
            factor, shift = self.affine(norm)
            kernel = kernel * factor[:, None, None, None]
            bias = shift if bias is None else bias * factor + shift
        inputs = [kernel] if bias is None else [kernel, bias]
        tensor = self.add(
            "Conv",
            tensor,
            *(each.astype(np.float32) for each in inputs),
            strides=[stride] * 2,
            pads=[padding] * 4,
            kernel_shape=kernel.shape[2:],
            group=groups,
        )
        return tensor if not norm or self.folded else self.norm(tensor, norm)

    def affine(self, path):
        parts = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, variance = (
            self.state[f"{path}.{part}"].astype(np.float64) for part in parts
        )
        factor = gamma / np.sqrt(variance + self.epsilon)
        return factor, beta - factor * mean

    def norm(self, tensor, path):
        parts = ("weight", "bias", "running_mean", "running_var")
        constants = [self.state[f"{path}.{part}"] for part in parts]
        return self.add("BatchNormalization", tensor, *constants, epsilon=self.epsilon)

    def prelu(self, tensor, path):
        slope = self.state[f"{path}.weight"].reshape(-1, 1, 1)
        return PRELUS[self.prelu_form](self, tensor, slope)

    def content(self, output, opset=17):
        given = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
        graph = helper.make_graph(
            self.nodes, "network", [self.input], [given], self.constants
        )
        opsets = [helper.make_opsetid("", opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        return model.SerializeToString()


def _relu_of_negative(net, x, slope):
    negative = net.add("Relu", net.add("Neg", x))
    return net.add("Add", net.add("Relu", x), net.add("Mul", -slope, negative))


def _absolute(net, x, slope):
    negative = net.add("Mul", slope / 2, net.add("Sub", x, net.add("Abs", x)))
    return net.add("Add", net.add("Relu", x), negative)


def _even_and_odd(net, x, slope):
    odd = net.add("Mul", x, (1 + slope) / 2)
    even = net.add("Mul", net.add("Abs", x), (1 - slope) / 2)
    return net.add("Add", even, odd)


def _maxima(net, x, slope):
    negative = net.add("Min", x, np.float32(0))
    return net.add(
        "Add", net.add("Max", np.float32(0), x), net.add("Mul", negative, slope)
    )


PRELUS = {
    "operator": lambda net, x, slope: net.add("PRelu", x, slope),
    "relu of negative": _relu_of_negative,
    "absolute": _absolute,
    "even and odd": _even_and_odd,
    "maxima": _maxima,
}


def sphere20(net):
    """As `ports.sphere20`; with PyTorch's view of a free batch, MatMul and Add."""
    values = "image"
    for stage, units in enumerate((1, 2, 4, 1), start=1):

        def unit(values, number, stride, stage=stage):
            values = net.conv(values, f"conv{stage}_{number}", stride)
            return net.prelu(values, f"relu{stage}_{number}")

        values = unit(values, 1, 2)
        for k in range(units):
            inner = unit(unit(values, 2 * k + 2, 1), 2 * k + 3, 1)
            values = net.add("Add", values, inner)
    batch = net.add("Gather", net.add("Shape", values), np.int64(0), axis=0)
    batch = net.add("Unsqueeze", batch, np.array([0]))
    shape = net.add("Concat", batch, np.array([-1]), axis=0)
    values = net.add("Dropout", net.add("Reshape", values, shape))
    weight = net.state["fc5.weight"].T.copy()
    return net.add("Add", net.add("MatMul", values, weight), net.state["fc5.bias"])


def iresnet18(net):
    """As `ports.iresnet18`."""
    values = net.prelu(net.conv("image", "conv1", norm="bn1"), "prelu")
    for stage in range(1, 5):
        for number in range(2):
            path, stride = f"layer{stage}.{number}", 1 if number else 2
            inner = net.norm(values, f"{path}.bn1")
            inner = net.conv(inner, f"{path}.conv1", norm=f"{path}.bn2")
            inner = net.prelu(inner, f"{path}.prelu")
            inner = net.conv(inner, f"{path}.conv2", stride, norm=f"{path}.bn3")
            if not number:
                down = f"{path}.downsample"
                values = net.conv(values, f"{down}.0", stride, 0, f"{down}.1")
            values = net.add("Add", values, inner)  # not in the order of ours
    values = net.add("Flatten", net.norm(values, "bn2"))
    fc = [net.state["fc.weight"], net.state["fc.bias"]]
    return net.norm(net.add("Gemm", values, *fc, transB=1), "features")
