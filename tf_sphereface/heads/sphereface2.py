"""SphereFace2: as many binary classifications as identities (Wen et al., ICLR 2022)."""

import math

import keras
from keras import ops

from tf_sphereface.heads.angles import detached
from tf_sphereface.heads.labels import flat_labels, nan_outside
from tf_sphereface.heads.margin_head import MarginHead


@keras.saving.register_keras_serializable(package="tf_sphereface")
class SphereFace2Layer(MarginHead):
    """A binary loss for each class: this identity or not, with one bias for all.

    With g(z) = 2 ((z + 1) / 2)^t - 1 of a cosine z, the binary logits are
    scale (g(cos) - margin) + bias for the target and scale (g(cos) + margin) + bias for
    the others. The loss of a sample is, over scale, balance times the softplus of the
    negative target logit plus (1 - balance) times the sum of the others' softplus.
    `head(embeddings)` gives scale * cos(theta), which has the same order.

    Args:
        num_classes: Number of identities, at least 2.
        margin: Added to g of both sides, >= 0: "SphereFace2-C".
        scale: The paper's r.
        balance: The paper's lambda in (0, 1), the weight of the target's side.
        exponent: The paper's t >= 1, which spreads the similarities.
        loss_weight: Factor on the loss; the authors' code has 50, since the gradient is
            small otherwise. The default is the paper's formula.
        detach_margin: Whether g and the margin change the logits' values only, and the
            gradient is that of scale * cos, as in the authors' code. The default is the
            gradient of the paper's formula.

    Call arguments, Returns: as `MarginHead`, with logits for binary cross-entropy;
        train with `sample_losses` or `FaceClassifier`, not with softmax.
    Raises: ValueError if an argument is out of its range.
    Reference: SphereFace2, https://arxiv.org/abs/2108.01513. The bias begins, as the
        authors', at the loss's minimum for embeddings orthogonal to all classes.
    """

    NAME = "sphereface2"
    columnwise = False
    NEEDS_SCALE = True

    def __init__(
        self,
        num_classes: int,
        margin: float = 0.4,
        scale: float = 40.0,
        balance: float = 0.7,
        exponent: float = 3.0,
        loss_weight: float = 1.0,
        detach_margin: bool = False,
        **kwargs,
    ):
        super().__init__(num_classes, scale=scale, **kwargs)
        if not margin >= 0:
            raise ValueError(f"`margin` must be >= 0. Received: margin={margin!r}")
        if not 0 < balance < 1:
            raise ValueError(f"`balance` must be in (0, 1). Received: {balance=}")
        if not exponent >= 1:
            raise ValueError(f"`exponent` must be >= 1. Received: {exponent=}")
        if not loss_weight > 0:
            raise ValueError(
                f"`loss_weight` must be positive. Received: {loss_weight=}"
            )
        self.margin = float(margin)
        self.balance = float(balance)
        self.exponent = float(exponent)
        self.loss_weight = float(loss_weight)
        self.detach_margin = bool(detach_margin)

    def build(self, input_shape):
        super().build(input_shape)
        self.bias = self.add_weight(
            name="bias",
            shape=(),
            initializer=keras.initializers.Constant(self.first_bias()),
        )

    def first_bias(self):
        """The bias that minimises the loss where every cosine is 0, float."""
        # Root of z (1 + a u) = a u (1 + c u) for u = exp(bias), a and c those of the
        # other and target logits: in the form that does not cancel.
        balance = self.balance / ((1 - self.balance) * (self.num_classes - 1))
        middle = 2 * 0.5**self.exponent - 1
        other, target = (self.scale * (middle + sign * self.margin) for sign in (1, -1))
        root = math.hypot(
            1 - balance, 2 * math.sqrt(balance) * math.exp((target - other) / 2)
        )
        if balance < 1:
            return math.log(2 * balance / (1 - balance + root)) - other
        return math.log((balance - 1 + root) / 2) - target

    def similarity(self, cos_theta):
        """g of a cosine, any shape."""
        half = ops.maximum((cos_theta + 1.0) / 2.0, 0.0)
        spread = 2.0 * half**self.exponent - 1.0
        return detached(cos_theta, spread) if self.detach_margin else spread

    def target_logit(self, cos_theta, outputs=None):
        return self.similarity(cos_theta) - self.margin + self.bias / self.scale

    def other_logits(self, outputs, cos_theta):
        similarity = self.similarity(outputs["logits"] / self.scale)
        return self.scale * (similarity + self.margin) + self.bias

    def sample_losses(self, outputs, labels, training=None):
        logits = self.margin_logits(outputs, labels, training=training)
        is_target = self.is_target(self.label_column(labels))
        # One softplus of the matrix; it is most of this head's cost.
        losses = ops.softplus(ops.where(is_target, -logits, logits))
        losses = ops.where(
            is_target, self.balance * losses, (1.0 - self.balance) * losses
        )
        losses = self.loss_weight / self.scale * ops.sum(losses, axis=1)
        return nan_outside(losses, flat_labels(labels), self.num_classes)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "balance": self.balance,
            "exponent": self.exponent,
            "loss_weight": self.loss_weight,
            "detach_margin": self.detach_margin,
        }
