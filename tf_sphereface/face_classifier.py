"""Backbone, margin head and metric losses as one Keras model for `model.fit`."""

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from tf_sphereface.backbones.recomputation import recomputing
from tf_sphereface.heads import MarginHead
from tf_sphereface.heads.margin_head import Tensor
from tf_sphereface.loss_scaling import LossScaling
from tf_sphereface.losses import MetricLoss
from tf_sphereface.losses.metric_loss import mean_or_zero

_BOUNDS = ("clipnorm", "clipvalue", "global_clipnorm")


@keras.saving.register_keras_serializable(package="tf_sphereface")
class FaceClassifier(keras.Model):
    """Trains a backbone with a margin head, metric losses or both on (image, label).

    The loss is the head's, with the margin, plus weight times each metric loss. The
    metrics see margin-free logits, so that the accuracy is honest; with metric losses
    the parts of the loss are logged too, each without its weight (`loss_head`,
    `loss_center`). `classifier.backbone` is what is evaluated and exported.

    Args:
        backbone: Keras model: images (batch, height, width, 3) to embeddings
            (batch, embedding_dim).
        head: A `MarginHead`, or None to train with metric losses alone.
        metric_losses: `MetricLoss` objects of different names.

    Call arguments:
        images: Float (batch, height, width, 3), normalised by the pixel contract.

    Returns: Dict of `logits` (batch, num_classes), margin-free, and of whatever else
        the losses need, such as `embeddings`; without a head no logits. `predict` gives
        the logits alone, without a head the embeddings.

    Raises: TypeError if `head` is not a MarginHead or a metric loss not a MetricLoss;
        ValueError if there is neither head nor metric loss; in `compile`, if a loss is
        given, or metrics without a head; in `fit`, if there are sample weights and set
        losses.

    Example:
        classifier = FaceClassifier(SphereFaceCNN(20), ASoftmaxLayer(num_classes=10572))
        classifier.compile(keras.optimizers.SGD(0.1), metrics=["accuracy"])
        classifier.fit(dataset, epochs=20)
        classifier.backbone.save("embedding.keras")
    """

    def __init__(
        self,
        backbone: keras.Model,
        head: MarginHead | None = None,
        metric_losses: Sequence[MetricLoss] = (),
        **kwargs,
    ):
        if kwargs.get("dtype") is None:
            # The head needs full precision; the backbone keeps its own policy.
            kwargs["dtype"] = keras.config.dtype_policy().variable_dtype
        super().__init__(**kwargs)
        _check_parts(head, metric_losses)
        self.backbone = backbone
        self.head = head
        self.metric_losses = list(metric_losses)
        names = [part.name for part in self.metric_losses]
        if names and head is not None:
            names = ["head", *names]
        self._recomputing = None
        self.part_means = [keras.metrics.Mean(name=f"loss_{name}") for name in names]
        if backbone.built:
            self._build_parts(backbone.output_shape)
            self.built = True

    def _build_parts(self, embeddings_shape):
        if self.head is not None and not self.head.built:
            self.head.build(embeddings_shape)
        for part in self.metric_losses:
            if not part.built:
                part.build(embeddings_shape[:1], embeddings_shape)

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "rmsprop",
        loss: None = None,
        metrics: Sequence[str | keras.metrics.Metric] | None = None,
        **kwargs,
    ) -> None:
        if loss is not None:
            raise ValueError(
                "`compile` must be given no `loss`: head and metric losses are it. "
                f"Received: loss={loss!r}"
            )
        if self.head is None and (metrics or kwargs.get("weighted_metrics")):
            raise ValueError(
                "`compile` must be given no `metrics` without a head: there are no "
                "logits. Verify `classifier.backbone` on pairs in a callback instead."
            )
        optimizer = keras.optimizers.get(optimizer)
        if kwargs.get("auto_scale_loss", True) and self._vanishing(optimizer):
            optimizer = LossScaling(optimizer)
        super().compile(optimizer, metrics=metrics, **kwargs)

    def _vanishing(self, optimizer):
        """True for gradients of half precision, which vanish unless the loss is large.

        Keras asks for the model's own precision, which is the head's.
        """
        scaling = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        return self.backbone.compute_dtype == "float16" and not scaling

    def compile_from_config(self, config):
        # Keras' own leaves a model with a `compile` of its own uncompiled.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def call(self, images: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        embeddings = self.embed(images, training)
        # Here at the latest: losses may make no weights on every backend.
        self._build_parts(embeddings.shape)
        outputs = {} if self.head is None else self.head(embeddings, parts=True)
        return {"embeddings": embeddings, **outputs} if self.metric_losses else outputs

    def embed(self, images: Tensor, training: bool | None = None) -> Tensor:
        """Embeddings of the backbone, (batch, embedding_dim)."""
        embed = self._recomputing if training and self._recomputing else self.backbone
        return embed(images, training=training)

    def start_from(self, class_means: Tensor) -> None:
        """Begins with class weights that are known, as `MarginHead.start_from`."""
        self.head.start_from(class_means)

    def kernel_blocks(self) -> Iterator[tuple[int, Tensor]]:
        """The head's class weights in parts, float (embedding_dim, columns).

        With each the number of its first class.
        """
        yield 0, ops.convert_to_tensor(self.head.kernel)

    def recompute_activations(self) -> None:
        """Keeps activations between the backbone's units only, while it trains.

        Those within are computed again for the gradient. Not a part of what is saved.

        Raises: ValueError as `recomputing`.
        """
        self._recomputing = recomputing(self.backbone)

    def fit(self, x=None, y=None, batch_size=None, *args, **kwargs):
        """As Keras' own; warns of what is another training than it seems.

        On several replicas that is a last batch which may leave one without images, and
        gradients which Keras' optimizers bound on each alone; with accumulated
        gradients a head that counts their parts as iterations.

        Raises: ValueError if the optimizer accumulates gradients and the strategy
            cannot, such as MirroredStrategy on CPUs.
        """
        strategy = getattr(self, "distribute_strategy", None)
        replicas = getattr(strategy, "num_replicas_in_sync", 1)
        if replicas > 1 and _may_end_short(x, batch_size):
            warnings.warn(
                f"the last batch may leave one of the {replicas} replicas without "
                "images, and batch norm without statistics: batch the dataset with "
                "drop_remainder=True",
                stacklevel=2,
            )
        optimizer = getattr(self, "optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        _check_counting(optimizer, self.head)
        if replicas > 1:
            _check_on_replicas(optimizer, strategy)
        return super().fit(x, y, batch_size, *args, **kwargs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras 3.15.1 averages the batch of all workers here, which fails; the shapes
        # of this worker's are enough.
        strategy = getattr(self, "distribute_strategy", None)
        if not _several_workers(strategy):
            super()._maybe_symbolic_build(iterator, data_batch)
            return
        if iterator is not None:
            _, _, batches = next(iter(iterator))
            data_batch = keras.tree.map_structure(
                lambda part: strategy.experimental_local_results(part)[0], next(batches)
            )
        with strategy.scope():
            self._symbolic_build(data_batch=data_batch)

    def train_step(self, *args):
        return self._reducible(super().train_step(*args))

    def test_step(self, *args):
        return self._reducible(super().test_step(*args))

    def _reducible(self, logs):
        # Keras 3.15.1 takes the mean of several workers over the first axis, which a
        # figure has not.
        if not _several_workers(getattr(self, "distribute_strategy", None)):
            return logs
        return {name: ops.reshape(figure, (1,)) for name, figure in logs.items()}

    def predict(self, *args, **kwargs) -> Tensor:
        """As Keras' own: margin-free logits (images, num_classes).

        Without a head there are embeddings (images, embedding_dim).
        """
        outputs = super().predict(*args, **kwargs)
        return outputs["embeddings" if self.head is None else "logits"]

    def export(
        self,
        filepath: str | os.PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Sequence[keras.InputSpec] | None = None,
        **kwargs,
    ) -> None:
        """As Keras' own; of embeddings alone `classifier.backbone.export`."""
        inputs = getattr(self.backbone, "inputs", None)
        if input_signature is None and inputs:
            # Keras knows the inputs of a model that it built itself only.
            input_signature = [
                keras.InputSpec(shape=images.shape, dtype=images.dtype)
                for images in inputs
            ]
        super().export(
            filepath, format, verbose, input_signature=input_signature, **kwargs
        )

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if self.metric_losses and sample_weight is not None:
            raise ValueError(
                "`sample_weight` must be None with metric losses: they are of pairs "
                "and triplets, not of samples."
            )
        total, parts = 0.0, []
        if self.head is not None:
            losses = self.head_losses(y_pred, y, training)
            parts.append(mean_or_zero(losses))
            total = BatchMean()(losses, losses, sample_weight=sample_weight)
        for part in self.metric_losses:
            parts.append(part(y, y_pred["embeddings"], training=training))
            loss = ops.reshape(parts[-1], (1,))  # Keras does not scale a scalar
            total = total + part.weight * BatchMean()(loss, loss)
        if self.metric_losses:
            for mean, part in zip(self.part_means, parts, strict=True):
                mean.update_state(part, sample_weight=ops.shape(y)[0])
        if self.losses:  # of regularisers and layers; there is no compiled loss
            total = total + super().compute_loss(x, None, None, None, training=training)
        return total

    def head_losses(self, outputs, labels, training):
        """The head's loss of each sample, float (batch,)."""
        return self.head.sample_losses(outputs, labels, training=training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if self.head is None:
            return self.get_metrics_result()
        return super().compute_metrics(x, y, y_pred["logits"], sample_weight)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "backbone": serialize(self.backbone),
            "head": serialize(self.head),
            "metric_losses": [serialize(part) for part in self.metric_losses],
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        # Older files call them set losses, or have none.
        config.setdefault("metric_losses", config.pop("set_losses", []))
        for part in ("backbone", "head", "metric_losses"):
            config[part] = keras.saving.deserialize_keras_object(
                config.get(part), custom_objects=custom_objects
            )
        return cls(**config)


class BatchMean(keras.losses.Loss):
    """Mean of per-sample losses; Keras adds the scaling that replicas need."""

    def call(self, y_true, y_pred):
        return ops.convert_to_tensor(y_pred)


def _several_workers(strategy):
    """True for TensorFlow's MultiWorkerMirroredStrategy, in Keras' own way."""
    extended = getattr(strategy, "extended", None)
    in_cluster = getattr(extended, "_in_multi_worker_mode", None)
    return in_cluster is not None and in_cluster()


def _check_counting(optimizer, head):
    """Warns of a lambda that falls with each part of a step."""
    parts = getattr(optimizer, "gradient_accumulation_steps", None)
    annealing = getattr(head, "annealing", None)
    if not parts or annealing is None or head.calls_per_iteration == parts:
        return
    if getattr(annealing, "unit", "iterations") == "iterations":
        warnings.warn(
            f"gradient_accumulation_steps={parts}, and lambda falls with each part of "
            f"a step: make the head with calls_per_iteration={parts}",
            stacklevel=3,
        )


def _check_on_replicas(optimizer, strategy):
    parts = getattr(optimizer, "gradient_accumulation_steps", None)
    # Keras adds up in a branch, where such strategies cannot meet.
    meets = getattr(strategy.extended, "_use_merge_call", lambda: False)
    if parts and meets():
        raise ValueError(
            "the optimizer must be without `gradient_accumulation_steps` on the "
            f"{strategy.num_replicas_in_sync} replicas of this strategy. "
            f"Received: gradient_accumulation_steps={parts}"
        )
    bounds = [name for name in _BOUNDS if getattr(optimizer, name, None)]
    if getattr(optimizer, "bounds_whole_batch", False):
        bounds = [name for name in bounds if name != "global_clipnorm"]
    if bounds:
        warnings.warn(
            f"{', '.join(bounds)}: Keras bounds each replica's share of the gradient, "
            f"which is another training on {strategy.num_replicas_in_sync} replicas "
            "than on one. tf_sphereface.training.caffe_sgd.CaffeSGD bounds that of the "
            "whole batch by its global_clipnorm",
            stacklevel=3,
        )


def _may_end_short(x, batch_size):
    """True if the last batch of arrays or of a tf.data.Dataset may be smaller."""
    if hasattr(x, "element_spec"):
        shape = getattr(keras.tree.flatten(x.element_spec)[0], "shape", None)
        return shape is not None and shape.rank != 0 and shape[0] is None
    return hasattr(x, "shape") and x.shape[0] % (batch_size or 32) != 0


def _check_parts(head, metric_losses):
    if head is None and not metric_losses:
        raise ValueError(
            "`head` or `metric_losses` must be given. "
            "Received: head=None, metric_losses=()"
        )
    if head is not None and not isinstance(head, MarginHead):
        raise TypeError(f"`head` must be a MarginHead. Received: head={head!r}")
    for part in metric_losses:
        if not isinstance(part, MetricLoss):
            raise TypeError(
                f"`metric_losses` must be MetricLoss objects. Received: {part!r}"
            )
    names = [part.name for part in metric_losses]
    if len(set(names)) < len(names) or "head" in names:
        raise ValueError(
            f"`metric_losses` must have different names. Received: names={names}"
        )
