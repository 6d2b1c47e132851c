"""The operators that a SavedModel would run, looked at before TensorFlow loads it.

Reference: saved_model.proto, meta_graph.proto and saved_object_graph.proto.
"""

import contextlib
from collections import defaultdict
from pathlib import Path

from google.protobuf.message import DecodeError

from tf_sphereface.errors import InputError
from tf_sphereface.foreign.checkpoint_index import read_index
from tf_sphereface.foreign.operators import ALLOWED, RESTORERS, SAVERS

SAVED_MODEL_FILE = "saved_model.pb"
_LARGEST_GRAPH = 1 << 28  # bytes; a parser may take 25 times as much
_MOST_NAMED = 6


def check_saved_model(path: Path) -> None:
    """Refuses a SavedModel that could do more than compute.

    Args:
        path: Its folder.

    Raises: InputError that names the operators beyond the list of allowed ones, or if
        the graph or the index of its variables is damaged.
    """
    for meta_graph in _read(path).meta_graphs:
        refused = _operators_beyond(meta_graph)
        if refused:
            names = ", ".join(sorted(refused)[:_MOST_NAMED])
            more = len(refused) - _MOST_NAMED
            raise InputError(
                f"the SavedModel {path} may do more than compute: it has the operators "
                f"{names:.300}{f' and {more} others' if more > 0 else ''}; if you know "
                "and trust who made it, say --trust-model"
            )
    index = path / "variables" / "variables.index"
    if index.is_file():
        data = sorted(index.parent.glob("variables.data-*"))
        read_index(index, *(part.stat().st_size for part in data))


def _read(path):
    from tensorflow.core.protobuf import saved_model_pb2

    file = path / SAVED_MODEL_FILE
    if file.stat().st_size > _LARGEST_GRAPH:
        raise InputError(f"{file} must be smaller than {_LARGEST_GRAPH >> 20} MB")
    try:
        return saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except DecodeError as error:
        raise InputError(f"damaged SavedModel: {file}") from error


def _operators_beyond(meta_graph):
    """Names of operators that are not allowed where they are."""
    from tensorflow.core.framework import variable_pb2

    graph = _Graph(meta_graph.graph_def)
    saver, refused = meta_graph.saver_def, graph.operators(graph.parts)
    refused -= ALLOWED | SAVERS | RESTORERS
    restoring = graph.reached([_plain(saver.restore_op_name)])
    saving = graph.reached([_plain(saver.save_tensor_name)]) | restoring
    # Only what no other part depends on, and nobody who loads the graph names.
    named = {_plain(name) for name in _named(meta_graph, variable_pb2.VariableDef)}
    run = graph.reached(graph.parts - saving | named)
    refused |= graph.operators(run) & (SAVERS | RESTORERS)
    return refused | graph.operators(restoring) & SAVERS


class _Graph:
    """Nodes and functions by name, and those that each depends on.

    Functions have a "()" behind their names.
    """

    def __init__(self, graph_def):
        self._nodes, self._needs = defaultdict(list), defaultdict(set)
        for function in graph_def.library.function:
            self._add(f"{function.signature.name}()", function.node_def)
        for node in graph_def.node:
            self._add(node.name, [node])
            self._needs[node.name].update(map(_plain, node.input))
        for gradient in graph_def.library.gradient:
            name = f"{gradient.function_name}()"
            self._needs[name].add(f"{gradient.gradient_func}()")
        self.parts = frozenset(self._nodes)

    def _add(self, part, nodes):
        self._nodes[part] += nodes
        self._needs[part].update(name for node in nodes for name in _called(node))

    def operators(self, parts):
        return {node.op for part in parts for node in self._nodes.get(part, ())}

    def reached(self, parts):
        """These parts and all that they depend on."""
        seen, todo = set(), set(parts)
        while todo:
            part = todo.pop()
            seen.add(part)
            todo |= self._needs.get(part, set()) - seen
        return seen


def _named(meta_graph, variable_def):
    """Names of nodes and functions that are called, or run as the graph is loaded."""
    for signature in meta_graph.signature_def.values():
        for info in (*signature.inputs.values(), *signature.outputs.values()):
            yield info.name
            yield from (part.name for part in info.composite_tensor.components)
            coo = info.coo_sparse
            yield from (
                coo.values_tensor_name,
                coo.indices_tensor_name,
                coo.dense_shape_tensor_name,
            )
    for collection in meta_graph.collection_def.values():
        yield from collection.node_list.value
        for content in collection.bytes_list.value:
            with contextlib.suppress(DecodeError):  # of another kind
                variable = variable_def.FromString(content)
                yield from (variable.initializer_name, variable.initial_value_name)
    objects = meta_graph.object_graph_def
    functions = set(objects.concrete_functions)
    for node in objects.nodes:
        functions |= {
            *node.function.concrete_functions,
            node.bare_concrete_function.concrete_function_name,
            node.captured_tensor.concrete_function,
        }
    yield from (f"{name}()" for name in functions)


def _called(node):
    """Functions that the attributes of a node, or of a function in them, name."""
    for attribute in node.attr.values():
        for function in (attribute.func, *attribute.list.func):
            if function.name:
                yield f"{function.name}()"
                yield from _called(function)


def _plain(name):
    """Name of the node, of one of its outputs or of a wish to run after it."""
    return name.removeprefix("^").partition(":")[0]
