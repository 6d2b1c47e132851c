"""The training loop over a twin in tf-keras and the head in Keras 3."""

import math

import keras
import tensorflow as tf

from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.quantization_training.recipe import StepsRecipe
from tf_sphereface.training.callbacks import History
from tf_sphereface.training.progress import TrainingProgress
from tf_sphereface.training.recipes.recipe import OptimizerRecipe


def fine_tune(
    scheme,
    classifier: FaceClassifier,
    batches: tf.data.Dataset,
    optimizer: OptimizerRecipe,
    schedule: StepsRecipe,
    history: History,
) -> None:
    """Trains what a scheme has made of the backbone, with the classifier's losses.

    Args:
        scheme: As in `schemes`, begun.
        classifier: Its head and metric losses go on learning; its backbone is not used.
        batches: Endless (images, labels).
        optimizer: SGD as Caffe runs it.
        schedule: Steps and epochs.
        history: Gets a row an epoch: mean loss and margin-free accuracy.

    Raises: FloatingPointError if the loss stops being finite.
    """
    step = _Step(scheme.model, classifier, optimizer)
    progress = TrainingProgress(schedule.steps)
    progress.on_train_begin()
    try:
        numbers = iter(batches)
        for epoch in range(schedule.steps // schedule.steps_per_epoch):
            sums = {}
            for place in range(schedule.steps_per_epoch):
                done = epoch * schedule.steps_per_epoch + place
                figures = step(*next(numbers), _rate(optimizer, done))
                figures = {name: float(value) for name, value in figures.items()}
                _check_loss(figures["loss"], done + 1)
                sums = {name: sums.get(name, 0) + figures[name] for name in figures}
                logs = {name: value / (place + 1) for name, value in sums.items()}
                progress.on_train_batch_end(place, logs)
            scheme.after_epoch()
            logs |= {"learning_rate": _rate(optimizer, done), **_lambda(classifier)}
            progress.on_epoch_end(epoch, logs)
            history.on_epoch_end(epoch, logs)
    finally:
        progress.on_train_end()


class _Step:
    """One step of Caffe's SGD (`training.caffe_sgd`) on variables of both Keras.

    velocity = momentum * velocity - rate * (gradient + decay * weight); biases take
    `bias_rate` times the rate and no decay.
    """

    def __init__(self, model, classifier, optimizer):
        self.model, self.classifier, self.optimizer = model, classifier, optimizer
        fixed = [weight.path for weight in _fixed_weights(classifier.backbone)]
        self.variables = [
            variable
            for variable in model.trainable_variables
            if not variable.name.split(":")[0].endswith(tuple(fixed))
        ]
        losses = [classifier.head, *classifier.metric_losses]
        parts = [
            variable
            for part in losses
            if part is not None
            for variable in part.trainable_variables
        ]
        self.constraints = [None] * len(self.variables)
        self.constraints += [variable.constraint for variable in parts]
        self.variables += [variable.value for variable in parts]
        self.velocities = [
            tf.Variable(tf.zeros_like(variable)) for variable in self.variables
        ]
        self._compiled = tf.function(self._train)

    def __call__(self, images, labels, rate):
        return self._compiled(images, labels, tf.constant(rate, tf.float32))

    def _train(self, images, labels, rate):
        head = self.classifier.head
        with tf.GradientTape() as tape:
            embeddings = self.model(images, training=True)
            outputs = {"embeddings": embeddings}
            if head is not None:
                outputs |= head(embeddings, parts=True)
            loss = self.classifier.compute_loss(images, labels, outputs, training=True)
        gradients = tape.gradient(
            loss, self.variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        if self.optimizer.gradient_norm is not None:
            gradients, _ = tf.clip_by_global_norm(
                gradients, self.optimizer.gradient_norm
            )
        for place, gradient in enumerate(gradients):
            self._update(place, gradient, rate)
        figures = {"loss": loss}
        if head is not None:
            right = tf.argmax(outputs["logits"], axis=1, output_type=tf.int32) == labels
            figures["accuracy"] = tf.reduce_mean(tf.cast(right, tf.float32))
        return figures

    def _update(self, place, gradient, rate):
        variable, velocity = self.variables[place], self.velocities[place]
        if variable.name.split("/")[-1].split(":")[0] == "bias":
            rate = rate * self.optimizer.bias_rate
        else:
            gradient = gradient + self.optimizer.weight_decay * variable
        velocity.assign(self.optimizer.momentum * velocity - rate * gradient)
        variable.assign_add(velocity)
        if self.constraints[place] is not None:
            variable.assign(self.constraints[place](variable))


def _fixed_weights(backbone):
    return getattr(backbone, "fixed_weights", list)()


def _rate(optimizer, done):
    drops = sum(done + 1 > boundary for boundary in optimizer.boundaries)
    return optimizer.learning_rate * optimizer.factor**drops


def _lambda(classifier):
    value = getattr(classifier.head, "annealing_lambda", None)
    if value is None:
        return {}
    return {"lambda": float(keras.ops.convert_to_numpy(value()))}


def _check_loss(loss, step):
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is no longer finite at step {step}: lower the learning rate"
        )
