"""Divided and sampled class weights beside a plain head of the same classes."""

import numpy as np
import tensorflow as tf

from tests.heads.every_head import make
from tf_sphereface.training.many_identities.class_shares import ClassShares
from tf_sphereface.training.many_identities.losses import shared_losses
from tf_sphereface.training.many_identities.replicas import gathered, replica_number

DIM = 6


def divided(name, strategy, classes, rate, **arguments):
    """Head without a kernel, and the shares of its class weights."""
    with strategy.scope():
        head = make(name, classes, **arguments)
        head.keeps_kernel = False
        head.build((None, DIM))
        return head, ClassShares(head, DIM, rate, seed=3)


def values(strategy, distributed):
    """Results of the replicas, one after another."""
    parts = strategy.experimental_local_results(distributed)
    return np.concatenate([np.asarray(part) for part in parts])


def stepped(head, shares, strategy, embeddings, labels, step=0):
    """Losses, accuracies, both gradients and picked classes of one training step.

    The gradients are those of the sum of all losses.
    """
    replicas = strategy.num_replicas_in_sync
    parts = np.split(embeddings, replicas), np.split(labels.astype("int32"), replicas)

    def on_replica(embeddings, labels):
        everyone = gathered(labels)
        picked = shares.pick(everyone, step)
        with tf.GradientTape() as tape:
            tape.watch([embeddings, picked.rows])
            losses, correct = shared_losses(head, embeddings, everyone, picked, True)
            loss = tf.reduce_sum(losses)
        gradients = tape.gradient(loss, [embeddings, picked.rows])
        numbers = picked.numbers
        if numbers is None:
            numbers = tf.range(tf.shape(picked.rows)[0])
        return losses, correct, *gradients, numbers + shares.bounds[replica_number()]

    inputs = [
        strategy.experimental_distribute_values_from_function(
            lambda context, part=part: tf.constant(
                part[context.replica_id_in_sync_group]
            )
        )
        for part in parts
    ]
    run = tf.function(lambda *inputs: strategy.run(on_replica, args=inputs))
    return [values(strategy, result) for result in run(*inputs)]


def plain(name, shares, classes, embeddings, labels, **arguments):
    """The same of a plain head of these classes: head, losses, correct, gradients."""
    head = make(name, len(classes), **arguments)
    head.build((None, DIM))
    rows = shares.kernel.T.reshape(shares.num_classes, shares.width)[classes]
    head.kernel.assign(rows.reshape(-1, DIM).T)
    place = {number: column for column, number in enumerate(classes)}
    columns = np.array([place[label] for label in labels])
    variable = tf.Variable(embeddings)
    with tf.GradientTape() as tape:
        outputs = head(variable, parts=True)
        losses = head.sample_losses(outputs, columns, training=True)
        loss = tf.reduce_sum(losses)
    of_embeddings, of_kernel = tape.gradient(loss, [variable, head.kernel.value])
    correct = np.argmax(outputs["logits"], axis=1) == columns
    of_rows = of_kernel.numpy().T.reshape(len(classes), shares.width)
    return head, losses.numpy(), correct, of_embeddings.numpy(), of_rows
