"""Distances between all embeddings of a batch, with gradients that are finite."""

from keras import ops

from tf_sphereface.heads.margin_head import NORM_FLOOR, l2_norm


def unit(embeddings):
    """Embeddings of L2 norm 1, same shape; a zero embedding stays zero."""
    return embeddings / l2_norm(embeddings, axis=-1)


def cosines(embeddings):
    """Cosines of all pairs, float (batch, batch) from (batch, embedding_dim)."""
    directions = unit(embeddings)
    return ops.matmul(directions, ops.transpose(directions))


def squared_distances(embeddings):
    """Squared Euclidean distances of all pairs, float (batch, batch)."""
    # Distances stay what they are, and near the origin the expansion of the square
    # loses fewer digits.
    centre = ops.stop_gradient(ops.mean(embeddings, axis=0, keepdims=True))
    embeddings = embeddings - centre
    squares = ops.sum(ops.square(embeddings), axis=1, keepdims=True)
    products = ops.matmul(embeddings, ops.transpose(embeddings))
    return ops.maximum(squares + ops.transpose(squares) - 2.0 * products, 0.0)


def distance_of(squared):
    """Distance from its square, any shape; at least `NORM_FLOOR`.

    The gradient of the root is infinite where two embeddings are equal; here it is 0.
    """
    return ops.sqrt(ops.maximum(squared, NORM_FLOOR**2))
