"""Several class weights an identity, for noisy labels (sub-center ArcFace)."""

from keras import ops

from tf_sphereface.heads.margin_head import MarginHead, l2_norm

# Share of the random directions in sub-centres that begin at one class mean: equal ones
# would have equal gradients for ever.
_SPREAD = 0.1


class SubCenterHead(MarginHead):
    """A margin head whose cosine to a class is that to the nearest of its sub-centres.

    The kernel is (embedding_dim, num_classes * sub_centers); the sub-centres of class j
    are the columns j * sub_centers and following.

    Args:
        num_classes: Number of identities, at least 2.
        sub_centers: Class weights an identity, at least 1; the paper's K is 3.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if `sub_centers` is not a positive integer.
    Reference: Sub-center ArcFace (Deng et al., ECCV 2020).
    """

    def __init__(self, num_classes: int, sub_centers: int = 1, **kwargs):
        super().__init__(num_classes, **kwargs)
        if isinstance(sub_centers, bool) or not isinstance(sub_centers, int):
            raise ValueError(
                "`sub_centers` must be an integer >= 1. "
                f"Received: sub_centers={sub_centers!r}"
            )
        if sub_centers < 1:
            raise ValueError(
                f"`sub_centers` must be >= 1. Received: sub_centers={sub_centers}"
            )
        self.sub_centers = sub_centers

    @property
    def kernel_columns(self):
        return self.num_classes * self.sub_centers

    def kernel_towards(self, class_means, kernel):
        means = ops.repeat(ops.transpose(class_means), self.sub_centers, axis=1)
        if self.sub_centers > 1:
            means = means + _SPREAD * kernel / l2_norm(kernel, axis=0)
        return means / l2_norm(means, axis=0)

    def margin_free(self, embeddings, kernel=None):
        outputs = super().margin_free(embeddings, kernel)
        return {**outputs, "logits": self._nearest(outputs["logits"])}

    def cosines(self, embeddings, kernel=None):
        return self._nearest(super().cosines(embeddings, kernel))

    def _nearest(self, values):
        """The largest value of each class, of (batch, classes * sub_centers)."""
        if self.sub_centers == 1:
            return values
        # Of a sample their number may not be known before a step.
        shape = (-1, ops.shape(values)[1] // self.sub_centers, self.sub_centers)
        return ops.max(ops.reshape(values, shape), axis=-1)

    def get_config(self):
        return {**super().get_config(), "sub_centers": self.sub_centers}
