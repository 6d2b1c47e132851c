"""COCO, the congenerous cosine loss."""

import keras

from tf_sphereface.heads.margin_head import MarginHead


@keras.saving.register_keras_serializable(package="tf_sphereface")
class COCOLayer(MarginHead):
    """Softmax over scale * cos(embedding, centroid) with learnt centroids, no margin.

    Args:
        num_classes: Number of identities, at least 2.
        scale: The paper's alpha; the default is that of the authors' face release, for
            87,020 classes.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if `scale` is None: both sides are normalised.
    Reference: COCO, https://arxiv.org/abs/1710.00870.
    """

    NAME = "coco"
    HAS_MARGIN = False
    NEEDS_SCALE = True

    def __init__(self, num_classes: int, scale: float = 21.475, **kwargs):
        super().__init__(num_classes, scale=scale, **kwargs)
