"""L-Softmax, the large-margin softmax (Liu et al., ICML 2016)."""

import keras
from keras import ops

from tf_sphereface.heads.annealing import (
    Annealing,
    InverseDecayAnnealing,
    StagedMargin,
)
from tf_sphereface.heads.margin_head import l2_norm
from tf_sphereface.heads.multiplicative import MultiplicativeMarginHead

# The example of the authors' release.
RELEASE = InverseDecayAnnealing(gamma=2.5e-5, power=35.0, minimum=0.0)


@keras.saving.register_keras_serializable(package="tf_sphereface")
class LSoftmaxLayer(MultiplicativeMarginHead):
    """The margin psi of A-Softmax with class weights that keep their length.

    Logits are embedding . weight; that of the target class is, in training,
    |weight| |embedding| (psi(theta) + lambda cos(theta)) / (1 + lambda). No bias.

    Args:
        num_classes: Number of identities, at least 2.
        margin: Integer m >= 1, or a `StagedMargin`, as in `ASoftmaxLayer`.
        annealing: Callable that gives lambda, or None for lambda = 0. The default
            is the example of the authors' release.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if `margin` or `annealing` is something else, or `scale` given.
    Reference: Large-margin softmax, https://arxiv.org/abs/1612.02295.
    """

    NAME = "l_softmax"
    columnwise = False

    def __init__(
        self,
        num_classes: int,
        margin: int | StagedMargin = 4,
        annealing: Annealing | None = RELEASE,
        **kwargs,
    ):
        if kwargs.pop("scale", None) is not None:
            raise ValueError("`scale` must be None: L-Softmax does not normalise.")
        super().__init__(num_classes, margin, annealing, **kwargs)

    def margin_free(self, embeddings):
        logits = ops.matmul(embeddings, self.kernel)
        return {"logits": logits, "norm": l2_norm(embeddings, axis=-1)}

    def target_norm(self, outputs, labels):
        lengths = ops.take(l2_norm(self.kernel, axis=0), labels, axis=1)
        return outputs["norm"] * ops.reshape(lengths, (-1, 1))
