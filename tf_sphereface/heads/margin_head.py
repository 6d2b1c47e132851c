"""The common part of all margin heads: normalised class weights, target logit, loss."""

import warnings
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from tf_sphereface.heads.labels import checked_labels, flat_labels

# Of any backend; NumPy arrays are taken too.
Tensor = Any

# Below this L2 norm a vector counts as this long: the gradient of the norm itself is
# NaN at the zero vector. The square still fits float32.
NORM_FLOOR = 1e-6


def l2_norm(values, axis):
    """L2 norm, floored at `NORM_FLOOR`, with `axis` kept as length 1."""
    squares = ops.sum(ops.square(values), axis=axis, keepdims=True)
    return ops.sqrt(ops.maximum(squares, NORM_FLOOR**2))


def full_precision(dtype):
    """The precision of a head: what was asked for, or at least float32 by the policy.

    Raises: ValueError if half precision was asked for.
    """
    if dtype is None:
        dtype = keras.config.dtype_policy().variable_dtype
        return "float32" if dtype in ("float16", "bfloat16") else dtype
    if keras.dtype_policies.get(dtype).compute_dtype in ("float16", "bfloat16"):
        raise ValueError(
            "`dtype` must be float32 or float64: half precision is too coarse for "
            f"angles. Received: dtype={dtype!r}"
        )
    return dtype


def check_embeddings_shape(shape):
    """Raises: ValueError if the shape is not (batch, embedding_dim)."""
    if len(shape) != 2 or not isinstance(shape[1], int):
        raise ValueError(
            "`embeddings` must be of shape (batch, embedding_dim) with a known "
            "embedding_dim: end the backbone with a Flatten, pooling or Dense layer. "
            f"Received: embeddings of shape {shape}"
        )


class MarginHead(keras.layers.Layer):
    """A classification layer whose loss makes the target class harder to reach.

    Subclasses override `target_logit`, and `other_logits` and `observe` where the paper
    asks for it. The layer computes in float32 or float64 under every dtype policy,
    since half precision is too coarse for angles.

    Args:
        num_classes: Number of identities, at least 2.
        scale: None: logits are |embedding| cos(theta), as in SphereFace. A number, no
            unit, usually 16 to 64: embeddings are normalised too and logits are
            scale * cos(theta).
        kernel_initializer: Of the class weights; the default is Caffe's "xavier".
        calls_per_iteration: Calls with labels that are one training iteration, as with
            gradient accumulation.

    Call arguments:
        embeddings: Float (batch, embedding_dim), not L2-normalised.
        labels: Integer (batch,) in [0, num_classes), or None for inference.
        training: Whether a call with labels counts as a training iteration.
        parts: Return the dict that `margin_logits` takes, in place of logits.

    Returns: Float (batch, num_classes): margin-free logits without labels, logits with
        the margin for softmax cross-entropy with labels.
    Raises: ValueError if `num_classes` is not an integer >= 2, `scale` not positive,
        `dtype` half precision or embeddings are of another shape; when labels are given
        eagerly, if one is out of range.
    """

    # Of the head in recipes.
    NAME: str | None = None
    # Whether the paper's loss is one of normalised embeddings only.
    NEEDS_SCALE = False
    # Whether the loss is another one than softmax of the margin-free logits.
    HAS_MARGIN = True
    # Whether the loss is softmax of logits that depend on the cosine of their own class
    # and on that of the target alone, so that the class weights can be divided.
    columnwise = True

    def __init__(
        self,
        num_classes: int,
        scale: float | None = None,
        kernel_initializer: str | keras.initializers.Initializer = "lecun_uniform",
        *,
        calls_per_iteration: int = 1,
        **kwargs,
    ):
        kwargs["dtype"] = full_precision(kwargs.get("dtype"))
        super().__init__(**kwargs)
        if isinstance(num_classes, bool) or not isinstance(num_classes, int):
            raise ValueError(
                "`num_classes` must be an integer >= 2. "
                f"Received: num_classes={num_classes!r}"
            )
        if num_classes < 2:
            raise ValueError(
                f"`num_classes` must be >= 2. Received: num_classes={num_classes}"
            )
        if scale is None and self.NEEDS_SCALE:
            raise ValueError("`scale` must be positive. Received: scale=None")
        if scale is not None and not scale > 0:
            raise ValueError(
                f"`scale` must be None or positive. Received: scale={scale}"
            )
        self.num_classes = num_classes
        self.scale = scale
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self._warned = False
        # More than 1 where a training takes its batches in parts.
        self.calls_per_iteration = calls_per_iteration
        # False where a training keeps the class weights elsewhere, and hands them to
        # `margin_free`; to be set before `build`.
        self.keeps_kernel = True

    @property
    def kernel_columns(self) -> int:
        """Columns of the kernel, int."""
        return self.num_classes

    def build(self, input_shape):
        check_embeddings_shape(input_shape)
        if self.keeps_kernel:
            self.kernel = self.add_weight(
                name="kernel",
                shape=(input_shape[-1], self.kernel_columns),
                initializer=self.initial_kernel,
            )
        # A weight, so that checkpoints carry it and a resumed run goes on with the
        # right lambda; counted in training only.
        self.iteration = self.add_weight(
            name="iteration",
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.built = True

    def initial_kernel(self, shape, dtype=None):
        """Class weights before training, float (embedding_dim, kernel_columns)."""
        return self.kernel_initializer(shape, dtype=dtype)

    def start_from(self, class_means: Tensor) -> None:
        """Begins with class weights that are known, before training.

        Args:
            class_means: Float (num_classes, embedding_dim), rows of length 1: where
                the embeddings of each class point.
        """
        self.kernel.assign(self.kernel_towards(class_means, self.kernel))

    def kernel_towards(self, class_means: Tensor, kernel: Tensor) -> Tensor:
        """The kernel that `start_from` begins with, from one that was initialised."""
        return ops.transpose(ops.convert_to_tensor(class_means))

    def call(
        self,
        embeddings: Tensor,
        labels: Tensor | None = None,
        training: bool | None = None,
        parts: bool = False,
    ) -> Tensor | dict[str, Tensor]:
        outputs = self.margin_free(embeddings)
        if labels is not None:
            return self.margin_logits(outputs, labels, training=training)
        if training and not parts:
            self._warn_of_no_margin()
        return outputs if parts else outputs["logits"]

    def _warn_of_no_margin(self):
        """Warns once: nobody sees from the loss that there is no margin in it."""
        if self.HAS_MARGIN and not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.name} is trained without labels, and so without a margin; its "
                "outputs are logits, no probabilities. Train FaceClassifier(backbone, "
                "head), or give labels: head(embeddings, labels, training=True)",
                stacklevel=2,
            )

    def margin_free(
        self, embeddings: Tensor, kernel: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Margin-free logits and norms of a batch; the one matrix product of a step.

        Args:
            embeddings: Float (batch, embedding_dim).
            kernel: Class weights in place of the head's own: of some classes, if the
                head is `columnwise`.

        Returns: Dict of `logits` (batch, num_classes), margin-free, and `norm`
            (batch, 1), the factor between a cosine and its logit (in a head without a
            margin, which needs no factor, the norm of the embedding).
        """
        norm = l2_norm(embeddings, axis=-1)
        if self.scale is not None:
            embeddings = embeddings * (self.scale / norm)
            norm = ops.full_like(norm, self.scale)
        kernel = self.kernel if kernel is None else kernel
        # Dividing the product costs less than dividing the kernel, which is larger.
        logits = ops.matmul(embeddings, kernel) / l2_norm(kernel, axis=0)
        return {"logits": logits, "norm": norm}

    def cosines(self, embeddings: Tensor, kernel: Tensor | None = None) -> Tensor:
        """Cosines of the angles to all class weights, float (batch, num_classes).

        Of several centres of a class the nearest counts. `kernel` is as in
        `margin_free`.
        """
        kernel = self.kernel if kernel is None else kernel
        products = ops.matmul(embeddings, kernel)
        norms = l2_norm(embeddings, axis=-1) * l2_norm(kernel, axis=0)
        return products / norms

    def margin_logits(
        self,
        outputs: Mapping[str, Tensor],
        labels: Tensor,
        training: bool | None = None,
    ) -> Tensor:
        """Puts the margin on the target logits.

        Args:
            outputs: Dict that `margin_free` gave.
            labels: Integer (batch,).
            training: Whether this is a training iteration, which `observe` counts.

        Returns: Float (batch, num_classes).
        """
        labels = self.label_column(labels)
        norm = self.target_norm(outputs, labels)
        cos_theta = ops.take_along_axis(outputs["logits"], labels, axis=1) / norm
        if training:
            self.observe(outputs, cos_theta)
        if not self.HAS_MARGIN:
            # Over the norm and times the norm a logit loses digits, all of them where
            # its bias is far larger than the norm.
            return ops.convert_to_tensor(outputs["logits"])
        target = norm * self.target_logit(cos_theta, outputs)
        return ops.where(
            self.is_target(labels), target, self.other_logits(outputs, cos_theta)
        )

    def label_column(self, labels):
        """Labels as int32 (batch, 1).

        Raises: ValueError, if the values can be read now, for one out of range.
        """
        return ops.expand_dims(checked_labels(labels, self.num_classes), 1)

    def is_target(self, labels):
        """Boolean (batch, num_classes), true at the label; labels (batch, 1)."""
        return ops.equal(labels, ops.arange(self.num_classes, dtype="int32"))

    def target_norm(self, outputs, labels):
        """Factor between cosine and logit of the target class, (batch, 1)."""
        return outputs["norm"]

    def observe(self, outputs, cos_theta):
        """Updates what a head learns from a training batch other than by gradient.

        Args:
            outputs: Dict that `margin_free` gave.
            cos_theta: Cosines of the target classes, float (batch, 1).
        """
        self.iteration.assign_add(ops.ones((), dtype="int32"))

    def target_logit(
        self, cos_theta: Tensor, outputs: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """The replacement of the target's cosine; (batch, 1) to (batch, 1).

        A head without a margin leaves it as it is.
        """
        if self.HAS_MARGIN:
            raise NotImplementedError
        return cos_theta

    def other_logits(self, outputs, cos_theta):
        """Logits of all other classes, (batch, num_classes); the target's is unused."""
        return outputs["logits"]

    def sample_losses(
        self,
        outputs: Mapping[str, Tensor],
        labels: Tensor,
        training: bool | None = None,
    ) -> Tensor:
        """Loss of each sample with the margin, float (batch,)."""
        losses = ops.sparse_categorical_crossentropy(
            flat_labels(labels),
            self.margin_logits(outputs, labels, training=training),
            from_logits=True,
        )
        return self.weighed_losses(losses, outputs)

    def weighed_losses(self, losses: Tensor, outputs: Mapping[str, Tensor]) -> Tensor:
        """Loss of each sample from its cross-entropy, (batch,) to (batch,)."""
        return losses

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "scale": self.scale,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "calls_per_iteration": self.calls_per_iteration,
        }
