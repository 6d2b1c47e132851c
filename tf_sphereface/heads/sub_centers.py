"""Several class weights an identity, for noisy labels (sub-center ArcFace)."""

from keras import ops

from tf_sphereface.heads.margin_head import MarginHead


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

    def __init__(self, num_classes, sub_centers=1, **kwargs):
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

    def margin_free(self, embeddings):
        outputs = super().margin_free(embeddings)
        if self.sub_centers > 1:
            shape = (-1, self.num_classes, self.sub_centers)
            nearest = ops.max(ops.reshape(outputs["logits"], shape), axis=-1)
            outputs = {**outputs, "logits": nearest}
        return outputs

    def get_config(self):
        return {**super().get_config(), "sub_centers": self.sub_centers}
