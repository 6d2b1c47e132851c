"""Operators of a TFLite file."""

import collections

from ai_edge_litert.interpreter import Interpreter, OpResolverType


def operators(content):
    """Number of operators by name; no delegate takes any of them."""
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    return collections.Counter(op["op_name"] for op in interpreter._get_ops_details())
