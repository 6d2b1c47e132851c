"""The baselines: softmax with bias, and the modified softmax on the sphere."""

import keras
from keras import ops

from tf_sphereface.heads.margin_head import MarginHead, l2_norm


@keras.saving.register_keras_serializable(package="tf_sphereface")
class SoftmaxLayer(MarginHead):
    """Plain softmax: logits are embedding . kernel + bias, no margin.

    Args:
        num_classes: Number of identities, at least 2.

    Call arguments, Returns, Raises: as `MarginHead`.
    Reference: DeepFace (Taigman et al., CVPR 2014).
    """

    NAME = "softmax"
    columnwise = False
    HAS_MARGIN = False

    def __init__(self, num_classes: int, **kwargs):
        if kwargs.pop("scale", None) is not None:
            raise ValueError("`scale` must be None: softmax does not normalise.")
        super().__init__(num_classes, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        self.bias = self.add_weight(
            name="bias", shape=(self.num_classes,), initializer="zeros"
        )

    def margin_free(self, embeddings):
        logits = ops.matmul(embeddings, self.kernel) + self.bias
        return {"logits": logits, "norm": l2_norm(embeddings, axis=-1)}


@keras.saving.register_keras_serializable(package="tf_sphereface")
class NormalizedSoftmaxLayer(MarginHead):
    """Modified softmax: unit class weights, no bias, no margin (A-Softmax, m = 1).

    Args:
        num_classes: Number of identities, at least 2.
        scale: As in `MarginHead`.

    Call arguments, Returns, Raises: as `MarginHead`.
    Reference: SphereFace, https://arxiv.org/abs/1704.08063.
    """

    NAME = "normalized_softmax"
    HAS_MARGIN = False

    def __init__(self, num_classes: int, scale: float | None = None, **kwargs):
        super().__init__(num_classes, scale, **kwargs)
