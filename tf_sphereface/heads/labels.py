"""Identity labels as heads and losses take them."""

from keras import ops


def flat_labels(labels):
    """Labels (batch,) or (batch, 1) as int32 (batch,); one-hot labels are refused."""
    labels = ops.convert_to_tensor(labels)
    if len(labels.shape) > 2 or (len(labels.shape) == 2 and labels.shape[1] != 1):
        raise ValueError(
            "`labels` must be integers (batch,), not one-hot. "
            f"Received: labels of shape {tuple(labels.shape)}"
        )
    return ops.cast(ops.reshape(labels, (-1,)), "int32")


def checked_labels(labels, num_classes):
    """Labels as int32 (batch,).

    Raises: ValueError, if the values can be read now, for one out of range.
    """
    labels = flat_labels(labels)
    if labels.shape[0] == 0:
        return labels
    try:
        lowest = ops.convert_to_numpy(ops.min(labels))
        highest = ops.convert_to_numpy(ops.max(labels))
    except (TypeError, NotImplementedError):  # in a traced function
        return labels
    if lowest < 0 or highest >= num_classes:
        raise ValueError(
            f"`labels` must be in [0, {num_classes}). "
            f"Received: labels from {lowest} to {highest}"
        )
    return labels


def nan_outside(losses, labels, num_classes):
    """Losses (batch,), NaN where the label is out of range; labels int32 (batch,).

    For formulas that would give a number: in a traced function nothing can be raised.
    """
    inside = ops.logical_and(labels >= 0, labels < num_classes)
    return ops.where(inside, losses, ops.full_like(losses, float("nan")))
