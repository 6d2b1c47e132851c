"""The classifier of a training whose class weights are divided or sampled."""

import keras
import tensorflow as tf

from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.heads.labels import flat_labels
from tf_sphereface.training.caffe_sgd import CaffeSGD
from tf_sphereface.training.many_identities.class_shares import ClassShares
from tf_sphereface.training.many_identities.losses import shared_losses
from tf_sphereface.training.many_identities.replicas import (
    gathered,
    replica_count,
    summed,
)

# Options of Keras' optimizers beyond `CaffeSGD.moved_rows`.
_NOT_OF_SHARES = (
    "nesterov",
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "use_ema",
    "gradient_accumulation_steps",
)


class ManyIdentitiesClassifier(FaceClassifier):
    """A FaceClassifier with a share of the class weights on each device.

    Loss and accuracy are over the classes that take part in a step: with a sampling
    rate below 1 they are of fewer negatives than in a plain training. `save` and
    `export` write a plain FaceClassifier with the whole kernel, without the optimizer's
    state. Batches must be of equal parts for the replicas.

    Args:
        backbone: As in `FaceClassifier`, built.
        head: A `columnwise` margin head that is not built.
        metric_losses: As in `FaceClassifier`.
        sampling_rate: As in `ClassShares`.
        seed: As in `ClassShares`.

    Returns: Dict of `embeddings`; there are no logits, also for `predict`.
    Raises: ValueError if the head's class weights cannot be divided, or as
        `ClassShares`; in `compile` if metrics or XLA are asked for, the backbone
        computes in float16, or the optimizer has options that shares lack, such as
        `use_ema`. TypeError in `compile` if the optimizer is none of `CaffeSGD`.
    """

    def __init__(
        self,
        backbone,
        head,
        metric_losses=(),
        sampling_rate: float = 1.0,
        seed: int = 0,
        **kwargs,
    ):
        if not head.columnwise:
            raise ValueError(
                f"the class weights of {type(head).__name__} cannot be divided among "
                "devices, or sampled"
            )
        head.keeps_kernel = False
        super().__init__(backbone, head, metric_losses, **kwargs)
        self.shares = ClassShares(head, backbone.output_shape[-1], sampling_rate, seed)
        self.accuracy = keras.metrics.Mean(name="accuracy")

    @property
    def share_variables(self) -> list[tf.Variable]:
        """Shares and momentums, which Keras does not list among the variables."""
        return [*self.shares.rows, *self.shares.velocities]

    def compile(self, optimizer, loss=None, metrics=None, jit_compile=False, **kwargs):
        if not isinstance(optimizer, CaffeSGD):
            raise TypeError(f"`optimizer` must be CaffeSGD. Received: {optimizer!r}")
        if foreign := [name for name in _NOT_OF_SHARES if getattr(optimizer, name)]:
            raise ValueError(
                f"`optimizer` must be without {', '.join(foreign)}, which the class "
                "weights would not have"
            )
        if self.backbone.compute_dtype == "float16":
            policy = self.backbone.dtype_policy.name
            raise ValueError(
                "the backbone's gradients would need loss scaling, which class shares "
                f"do not have. Received: a backbone of {policy}"
            )
        if metrics:
            raise ValueError(
                "`metrics` must be None: there is an accuracy, and there are no logits "
                f"for others. Received: metrics={metrics!r}"
            )
        if jit_compile:
            # XLA would compile each replica's step alone, without the others.
            raise ValueError(
                f"`jit_compile` must be False. Received: jit_compile={jit_compile!r}"
            )
        super().compile(optimizer, loss, jit_compile=False, **kwargs)

    def call(self, images, training=None):
        return {"embeddings": self.embed(images, training)}

    def start_from(self, class_means):
        kernel = self.head.kernel_towards(class_means, self.shares.kernel)
        self.shares.set_kernel(kernel)

    def kernel_blocks(self):
        yield from self.shares.blocks()

    def train_step(self, data):
        images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        picked = self._pick(labels)
        with tf.GradientTape() as tape:
            tape.watch(picked.rows)
            outputs = {**self(images, training=True), "picked": picked}
            loss = self.compute_loss(images, labels, outputs, sample_weight)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(
                    loss * replica_count(), sample_weight=tf.shape(images)[0]
                )
        variables = self.trainable_variables
        *gradients, of_rows = tape.gradient(loss, [*variables, picked.rows])
        if self.optimizer.global_clipnorm:
            gradients, of_rows = self._clipped(gradients, of_rows)
        self.shares.update(picked, of_rows, self.optimizer.moved_rows)
        if variables:
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        else:
            self.optimizer.iterations.assign_add(1)
        return self.get_metrics_result()

    def _pick(self, labels):
        return self.shares.pick(
            gathered(flat_labels(labels)), self.optimizer.iterations
        )

    def _clipped(self, gradients, of_rows):
        """Gradients whose norm over all devices and shares is bounded."""
        sums = [gradient for gradient in gradients if gradient is not None]
        sums = [summed(gradient) for gradient in sums]
        squares = [tf.reduce_sum(tf.square(value)) for value in sums]
        squares.append(summed(tf.reduce_sum(tf.square(of_rows))))
        bound = self.optimizer.global_clipnorm
        factor = bound / tf.maximum(tf.sqrt(tf.add_n(squares)), bound)
        gradients = [None if value is None else value * factor for value in gradients]
        return gradients, of_rows * factor

    def head_losses(self, outputs, labels, training):
        picked = outputs["picked"] if "picked" in outputs else self._pick(labels)
        losses, correct = shared_losses(
            self.head,
            tf.cast(outputs["embeddings"], self.head.compute_dtype),
            gathered(flat_labels(labels)),
            picked,
            training,
        )
        self.accuracy.update_state(correct)
        return losses

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()

    def predict(self, *args, **kwargs):
        """As Keras' own: embeddings (images, embedding_dim)."""
        return keras.Model.predict(self, *args, **kwargs)["embeddings"]

    def plain(self) -> FaceClassifier:
        """A FaceClassifier of the same backbone, whose head has the whole kernel."""
        head = type(self.head).from_config(self.head.get_config())
        kernel = self.shares.kernel
        head.initial_kernel = lambda shape, dtype=None: tf.constant(kernel)
        with tf.device("CPU:0"):  # an accelerator may have no room for the whole
            head.build(self.backbone.output_shape)
        del head.initial_kernel
        others = [variable for variable in head.weights if variable is not head.kernel]
        for variable, own in zip(others, self.head.weights, strict=True):
            variable.assign(own)
        return FaceClassifier(self.backbone, head, self.metric_losses)

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        self.plain().save(filepath, overwrite, zipped, **kwargs)

    def export(self, filepath, format="tf_saved_model", *args, **kwargs):
        self.plain().export(filepath, format, *args, **kwargs)
