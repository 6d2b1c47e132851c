"""Backbone and margin head as one Keras model for `model.fit`."""

import keras
from keras import ops

from tf_sphereface.heads import MarginHead


@keras.saving.register_keras_serializable(package="tf_sphereface")
class FaceClassifier(keras.Model):
    """Trains a backbone with a margin head on datasets of (image, label).

    The loss has the margin; the metrics see margin-free logits, so that the accuracy is
    honest. `classifier.backbone` is what is evaluated and exported.

    Args:
        backbone: Keras model: images (batch, height, width, 3) to embeddings
            (batch, embedding_dim).
        head: A `MarginHead`.

    Call arguments:
        images: Float (batch, height, width, 3), normalised by the pixel contract.

    Returns: Dict of `logits` (batch, num_classes), margin-free, and of whatever else
        the head's loss needs.

    Raises: TypeError if `head` is not a MarginHead; ValueError if a loss is given to
        `compile`.

    Example:
        classifier = FaceClassifier(SphereFaceCNN(20), ASoftmaxLayer(num_classes=10572))
        classifier.compile(keras.optimizers.SGD(0.1), metrics=["accuracy"])
        classifier.fit(dataset, epochs=20)
        classifier.backbone.save("embedding.keras")
    """

    def __init__(self, backbone, head, **kwargs):
        if kwargs.get("dtype") is None:
            # The head needs full precision; the backbone keeps its own policy.
            kwargs["dtype"] = keras.config.dtype_policy().variable_dtype
        super().__init__(**kwargs)
        if not isinstance(head, MarginHead):
            raise TypeError(f"`head` must be a MarginHead. Received: head={head!r}")
        self.backbone = backbone
        self.head = head
        if backbone.built:
            if not head.built:
                head.build(backbone.output_shape)
            self.built = True

    def compile(self, optimizer="rmsprop", loss=None, **kwargs):
        if loss is not None:
            raise ValueError(
                "`compile` must be given no `loss`: the head is the loss. "
                f"Received: loss={loss!r}"
            )
        super().compile(optimizer, **kwargs)

    def compile_from_config(self, config):
        # Keras' own leaves a model with a `compile` of its own uncompiled.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def call(self, images, training=None):
        embeddings = self.backbone(images, training=training)
        return self.head(embeddings, parts=True)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        losses = self.head.sample_losses(y_pred, y, training=training)
        total = BatchMean()(losses, losses, sample_weight=sample_weight)
        if self.losses:  # of regularisers and layers; there is no compiled loss
            total = total + super().compute_loss(x, None, None, None, training=training)
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred["logits"], sample_weight)

    def get_config(self):
        return {
            **super().get_config(),
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "head": keras.saving.serialize_keras_object(self.head),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for part in ("backbone", "head"):
            config[part] = keras.saving.deserialize_keras_object(
                config[part], custom_objects=custom_objects
            )
        return cls(**config)


class BatchMean(keras.losses.Loss):
    """Mean of per-sample losses; Keras adds the scaling that replicas need."""

    def call(self, y_true, y_pred):
        return ops.convert_to_tensor(y_pred)
