"""Selection of the pairs and triplets of a batch from labels and distances."""

from keras import ops

from tf_sphereface.losses.metric_loss import masked_mean


def pair_masks(labels):
    """Genuine and impostor pairs of labels (batch,): two booleans (batch, batch).

    No embedding makes a pair with itself.
    """
    same = ops.equal(ops.expand_dims(labels, 1), ops.expand_dims(labels, 0))
    numbers = ops.arange(ops.shape(labels)[0])
    itself = ops.equal(ops.expand_dims(numbers, 1), ops.expand_dims(numbers, 0))
    return ops.logical_and(same, ops.logical_not(itself)), ops.logical_not(same)


def semi_hard_loss(distances, labels, margin):
    """Mean of max(0, d_ap - d_an + margin) over all genuine pairs (anchor, positive).

    The negative is the nearest of those farther from the anchor than the positive; if
    none is, the farthest of all.

    Args:
        distances: Float (batch, batch), symmetric, of any kind.
        labels: Int32 (batch,).
        margin: In the unit of the distances.

    Returns: Float scalar; 0 without a genuine pair or without a second identity.
    """
    genuine, impostor = pair_masks(labels)
    chosen = _semi_hard_negatives(ops.stop_gradient(distances), impostor)
    negative = ops.take_along_axis(distances, chosen, axis=1)
    hinge = ops.maximum(distances - negative + margin, 0.0)
    return masked_mean(hinge, ops.logical_and(genuine, _any(impostor)))


def _semi_hard_negatives(distances, impostor):
    """Column of the negative for each anchor (row) and positive, int32 (batch, batch).

    By sorting, since to compare all triplets takes batch**3 numbers.
    """
    masked = ops.where(impostor, distances, ops.full_like(distances, float("inf")))
    order = ops.cast(ops.argsort(masked, axis=1), "int32")
    ascending = ops.take_along_axis(masked, order, axis=1)
    # How many negatives are as near as the positive or nearer.
    nearer = ops.map(
        lambda rows: ops.cast(ops.searchsorted(*rows, side="right"), "int32"),
        (ascending, distances),
    )
    last = ops.sum(ops.cast(impostor, "int32"), axis=1, keepdims=True) - 1
    position = ops.maximum(ops.minimum(nearer, last), 0)
    return ops.take_along_axis(order, position, axis=1)


def batch_hard_loss(distances, labels, hinge):
    """Mean of hinge(d_ap - d_an) over anchors with a positive and a negative.

    The positive is the farthest of the anchor's, the negative the nearest.

    Args:
        distances: Float (batch, batch), symmetric, of any kind.
        labels: Int32 (batch,).
        hinge: Function of a tensor (batch, 1).

    Returns: Float scalar; 0 without such an anchor.
    """
    genuine, impostor = pair_masks(labels)
    infinite = ops.full_like(distances, float("inf"))
    farthest = ops.argmax(ops.where(genuine, distances, -infinite), axis=1)
    nearest = ops.argmin(ops.where(impostor, distances, infinite), axis=1)
    # Picked by their column: a minimum over infinities would bring them into gradients.
    positive, negative = (
        ops.take_along_axis(distances, ops.expand_dims(column, 1), axis=1)
        for column in (farthest, nearest)
    )
    anchors = ops.logical_and(_any(genuine), _any(impostor))
    return masked_mean(hinge(positive - negative), anchors)


def _any(mask):
    return ops.any(mask, axis=1, keepdims=True)
