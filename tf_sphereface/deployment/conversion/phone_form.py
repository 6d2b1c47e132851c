"""Float TFLite files brought into the form that our own conversion gives.

Phones embed one face at a time: batch and sides become fixed. PReLU, which older
converters wrote as several operators, becomes one, so that the CPU delegate takes it
and channels can be equalised through it.
"""

import collections
import itertools

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tf_sphereface.bundle.records import INPUT_NAME, OUTPUT_NAME
from tf_sphereface.runtimes.litert import allocate, open_interpreter
from tf_sphereface.runtimes.tflite_graph import TFLiteGraph, packed

SIGNATURE = "serving_default"


def in_phone_form(content: bytes, size: tuple[int, int]) -> bytes:
    """A float network with a batch of one, PReLU operators and a signature.

    Args:
        content: Of a TFLite file with one input (batch, height, width, 3) and one
            output.
        size: Height and width that the input gets.

    Raises: ValueError or RuntimeError if its operators cannot run in a batch of one.
    """
    fixed = _with_prelus(_with_fixed_shapes(content, size))
    return _with_signature(_without_unused(fixed))


def _with_fixed_shapes(content, size):
    graph = TFLiteGraph(content)
    tensors, (source,) = graph.model.subgraphs[0].tensors, graph.inputs
    batch = graph.shape(source)[0]
    for index in graph.activations:
        tensors[index].shapeSignature = None
    tensors[source].shape = [1, *size, 3]
    for code in graph.model.operatorCodes:  # of older files in one field only
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    for tensor in tensors:
        tensor.quantization = None  # ranges of its training, which no float tensor has
    for operator in graph.operators:
        if operator.name == "RESHAPE" and len(operator.inputs) > 1:
            shape = graph.constant(operator.inputs[1])
            if batch != 1 and shape is not None and shape.size and shape[0] == batch:
                graph.replace_for(operator, 1, np.array([1, *shape[1:]], "<i4"))
    fixed = graph.content()
    # The interpreter knows what each operator makes of its inputs' shapes.
    interpreter = open_interpreter(fixed, all_tensors=True)
    allocate(interpreter)
    shapes = {each["index"]: each["shape"] for each in interpreter.get_tensor_details()}
    graph = TFLiteGraph(fixed)
    for index in graph.activations:
        graph.model.subgraphs[0].tensors[index].shape = shapes[index].tolist()
    return graph.content()


def _with_prelus(content):
    graph = TFLiteGraph(content)
    uses = collections.Counter(
        index for operator in graph.operators for index in operator.inputs
    )
    makers = {operator.output: operator for operator in graph.operators}
    found, removed = {}, set()
    for operator in graph.operators:
        match = _prelu(graph, makers, operator)
        if match is None:
            continue
        source, slopes, parts = match
        if all(uses[part.output] == 1 for part in parts if part is not operator):
            found[operator.position] = source, slopes
            removed |= {part.position for part in parts}
    if not found:
        return content
    code = _add_operator_code(graph.model, schema.BuiltinOperator.PRELU)
    operators = graph.model.subgraphs[0].operators
    for position, (source, slopes) in found.items():
        name = graph.name(graph.operators[position].output) + "/slopes"
        prelu = schema.OperatorT()
        prelu.opcodeIndex = code
        prelu.inputs = [source, graph.add_constant(name, slopes)]
        prelu.outputs = list(operators[position].outputs)
        operators[position] = prelu
    graph.model.subgraphs[0].operators = [
        operator
        for position, operator in enumerate(operators)
        if position in found or position not in removed
    ]
    return graph.content()


def _prelu(graph, makers, operator):
    """(input, slopes, operators) of a PReLU that ends with this operator, or None.

    max(x, 0) + c (x - |x|), of the slope 2 c, or max(x, 0) + c max(-x, 0), of -c.
    """
    if operator.name != "ADD" or operator.activation != "NONE":
        return None
    for one, other in (operator.inputs, operator.inputs[::-1]):
        positive, parts = makers.get(one), []
        if positive is None or positive.name != "RELU":
            continue
        (source,) = positive.inputs
        factor, index = np.float64(1), other
        while (scaled := _constant_multiple(graph, makers.get(index))) is not None:
            parts.append(makers[index])
            factor, index = factor * scaled[0], scaled[1]
        rest = makers.get(index)
        times = _negative_part(makers, rest, source, parts)
        channels = graph.shape(operator.output)[-1]
        if times is None or np.size(factor) not in (1, channels):
            continue
        slopes = np.broadcast_to(np.reshape(times * factor, -1), channels)
        return source, slopes.reshape(1, 1, -1), [operator, positive, *parts]
    return None


def _constant_multiple(graph, operator):
    """(constant, index) of a product with a constant, or None."""
    if operator is None or operator.name != "MUL" or operator.activation != "NONE":
        return None
    for one, other in (operator.inputs, operator.inputs[::-1]):
        if (constant := graph.constant(one)) is not None:
            return constant.astype(np.float64), other
    return None


def _negative_part(makers, operator, source, parts):
    """Multiple of min(x, 0) that an operator gives, or None; adds to `parts`."""
    if operator is None or operator.activation != "NONE":
        return None
    inner = makers.get(operator.inputs[-1])
    if inner is None or inner.inputs != (source,):
        return None
    multiple = {("SUB", "ABS"): 2.0, ("RELU", "NEG"): -1.0}.get(
        (operator.name, inner.name)
    )
    if operator.name == "SUB" and operator.inputs[0] != source:
        return None  # |x| - x
    if multiple is not None:
        parts += [operator, inner]
    return multiple


def _add_operator_code(model, builtin):
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _without_unused(content):
    """The file without tensors and buffers that no operator takes or gives."""
    graph = TFLiteGraph(content)
    model, subgraph = graph.model, graph.model.subgraphs[0]
    constants = itertools.chain(*(operator.inputs for operator in graph.operators))
    used = sorted({*graph.activations, *graph.outputs, *constants} - {-1})
    index = {old: new for new, old in enumerate(used)} | {-1: -1}
    subgraph.tensors = [subgraph.tensors[old] for old in used]
    for part in (subgraph, *subgraph.operators):
        part.inputs = [index[int(old)] for old in part.inputs]
        part.outputs = [index[int(old)] for old in part.outputs]
    for signature in model.signatureDefs or ():
        for end in (*signature.inputs, *signature.outputs):
            end.tensorIndex = index[end.tensorIndex]
    metadata = model.metadata or ()
    buffers = sorted(
        {0} | {each.buffer for each in (*subgraph.tensors, *metadata)}
    )  # the first one is empty
    index = {old: new for new, old in enumerate(buffers)}
    model.buffers = [model.buffers[old] for old in buffers]
    for each in (*subgraph.tensors, *metadata):
        each.buffer = index[each.buffer]
    return packed(model)


def _with_signature(content):
    graph = TFLiteGraph(content)
    if graph.model.signatureDefs:
        return content
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = SIGNATURE.encode(), 0
    signature.inputs = [_named(INPUT_NAME, graph.inputs[0])]
    signature.outputs = [_named(OUTPUT_NAME, graph.outputs[0])]
    graph.model.signatureDefs = [signature]
    return graph.content()


def _named(name, index):
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), index
    return entry
