"""First layers of a network that take pixels 0..255 to small numbers."""

import keras
import numpy as np
from keras import layers

# Of what pixels 0 and 255 become. Layers that learn see a few units.
_LARGEST_SPAN = 32.0
_STATISTICS = (layers.Normalization, layers.BatchNormalization)


def rescaling_layer(model: keras.Model) -> str | None:
    """The name of a first layer that makes pixels 0..255 small, or None.

    Such are `Rescaling`, `Normalization`, a batch norm and operators as in
    `images / 255`, in inner models too. Of a subclass, whose `call` may do anything,
    the layer counts that was made first.

    Args:
        model: Built, of images (batch, height, width, 3).
    """
    graph = getattr(model, "_functional", None) or model
    if not hasattr(graph, "operations"):
        return _of_subclass(model)
    [images] = keras.tree.flatten(graph.inputs)[:1]
    found, inner, known = [], [], {id(images)}
    for operation in graph.operations:
        for node in operation._inbound_nodes:
            if not node.input_tensors or known.isdisjoint(map(id, node.input_tensors)):
                continue
            if isinstance(operation, keras.Model):
                inner.append(operation)
            elif _keeps_images(operation, node.outputs[0].shape):
                known.add(id(node.outputs[0]))
                found.append((operation.name, node.outputs[0]))
    if found:
        steps = keras.Model(images, [tensor for _, tensor in found])
        outputs = steps(_pixels(images.shape), training=False)
        outputs = keras.tree.flatten(outputs)
        for (name, _), values in zip(found, outputs, strict=True):
            if _is_small(values):
                return name
    return next(filter(None, map(rescaling_layer, inner)), None)


def _of_subclass(model):
    first = next(iter(getattr(model, "layers", ())), None)
    if isinstance(first, keras.Model):
        return rescaling_layer(first)
    if not isinstance(first, (layers.Rescaling, *_STATISTICS)):
        return None
    shape = getattr(model, "input_shape", (None, None, None, 3))
    return first.name if _is_small(first(_pixels(shape))) else None


def _keeps_images(operation, shape):
    """True for what does not learn and gives pictures of three channels again."""
    learns = getattr(operation, "weights", ()) and not isinstance(
        operation, _STATISTICS
    )
    return not learns and len(shape) == 4 and shape[-1] == 3


def _pixels(shape):
    """A black and a white picture."""
    height, width = (size or 32 for size in shape[1:3])
    pictures = np.zeros((2, height, width, 3), np.float32)
    pictures[1] = 255
    return pictures


def _is_small(values):
    black, white = keras.ops.convert_to_numpy(values).astype(np.float32)
    return np.abs(white - black).max() < _LARGEST_SPAN
