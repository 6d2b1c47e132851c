"""Softmax cross-entropy with a margin over class weights that replicas share out."""

import tensorflow as tf

from tf_sphereface.heads import MarginHead
from tf_sphereface.heads.labels import nan_outside
from tf_sphereface.training.many_identities.class_shares import PickedClasses
from tf_sphereface.training.many_identities.replicas import (
    gathered,
    largest,
    own_part,
    summed,
)


def shared_losses(
    head: MarginHead,
    embeddings: tf.Tensor,
    labels: tf.Tensor,
    picked: PickedClasses,
    training: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Losses of a replica's images over the picked classes of all replicas.

    Each replica has the logits of the whole batch for its own classes; maximum, sum of
    exponentials and target of an image are put together over the replicas.

    Args:
        head: A `columnwise` head without a kernel.
        embeddings: Float (images, embedding_dim) of the replica.
        labels: Int32 (images over all replicas,).
        picked: The replica's classes.
        training: As in `MarginHead.margin_logits`.

    Returns: Losses as those of `head.sample_losses`, float (images,), and the accuracy
        of the margin-free logits for each image, 0 or 1, float (images,).
    """
    kernel = tf.transpose(tf.reshape(picked.rows, (-1, embeddings.shape[-1])))
    outputs = head.margin_free(gathered(embeddings), kernel)
    is_here = picked.columns[:, None] >= 0
    columns = tf.maximum(picked.columns, 0)[:, None]
    target = tf.gather(outputs["logits"], columns, batch_dims=1)
    target = summed(tf.where(is_here, target, tf.zeros_like(target)))
    cos_theta = target / outputs["norm"]
    own = {name: own_part(value) for name, value in outputs.items()}
    if training:
        head.observe(own, own_part(cos_theta))
    with_margin = outputs["norm"] * head.target_logit(cos_theta, outputs)
    is_target = picked.columns[:, None] == tf.range(tf.shape(outputs["logits"])[1])
    logits = tf.where(is_target, with_margin, head.other_logits(outputs, cos_theta))
    highest, best = tf.unstack(
        largest(
            tf.stack(
                [
                    tf.reduce_max(logits, axis=1, keepdims=True),
                    tf.reduce_max(outputs["logits"], axis=1, keepdims=True),
                ]
            )
        )
    )
    exponentials = tf.reduce_sum(tf.exp(logits - highest), axis=1, keepdims=True)
    losses = tf.math.log(summed(exponentials)) + highest - with_margin
    losses = head.weighed_losses(own_part(losses)[:, 0], own)
    losses = nan_outside(losses, own_part(labels), head.num_classes)
    correct = tf.cast(own_part(target >= best)[:, 0], losses.dtype)
    return losses, correct
