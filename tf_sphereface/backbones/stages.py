"""The stages of a network, by the size of its feature maps."""

import math


def stages(backbone):
    """Groups the layers of a network that have weights, from the image on.

    A stage is the layers of one resolution, rounded to the image's over a power of 2;
    the embedding is the last. So every network has stages, those of
    `keras.applications` too. SphereFaceCNN has its four and the embedding.

    Args:
        backbone: Built functional Keras model, images (batch, height, width, 3) to
            embeddings (batch, embedding_dim).

    Returns: List of lists of layers.
    """
    rows = backbone.input_shape[1]
    found = {}
    for layer in backbone.layers:
        if layer.weights:
            found.setdefault(_halvings(rows, layer.output.shape), []).append(layer)
    return [found[halvings] for halvings in sorted(found)]


def _halvings(rows, shape):
    """Number of halvings of the rows, rounded: layers without padding lose some."""
    return round(math.log2(rows / shape[1])) if len(shape) == 4 else math.inf
