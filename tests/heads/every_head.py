"""One of each head, for the tests of what every head promises."""

import keras
import numpy as np

from tf_sphereface import heads

# Arguments that are not the defaults, for heads with more than a scale.
_OTHERS = {
    "SoftmaxLayer": {},
    "LSoftmaxLayer": {"margin": 3, "annealing": heads.InverseDecayAnnealing(4.0)},
    "ASoftmaxLayer": {"margin": 3, "annealing": heads.InverseDecayAnnealing(4.0)},
    "AMSoftmaxLayer": {"margin": 0.2, "scale": 8.0, "sub_centers": 2},
    "ArcFaceLayer": {"margin": 0.3, "scale": 8.0, "sub_centers": 2},
    "SphereFaceRLayer": {"margin": 1.3, "scale": 8.0},
    "SphereFace2Layer": {"margin": 0.2, "scale": 8.0, "balance": 0.6},
    "CurricularFaceLayer": {"margin": 0.3, "scale": 8.0, "rate": 0.1},
    "AdaFaceLayer": {"margin": 0.3, "scale": 8.0, "rate": 0.1},
    "MagFaceLayer": {"norms": (1.0, 5.0), "margins": (0.1, 0.4), "scale": 8.0},
}
ARGUMENTS = {
    head.__name__: _OTHERS.get(head.__name__, {"scale": 8.0})
    for head in heads.HEADS.values()
}
PLAIN = ("SoftmaxLayer", "NormalizedSoftmaxLayer", "COCOLayer")


def make(name, num_classes=4, **kwargs):
    keras.utils.set_random_seed(1)
    return getattr(heads, name)(num_classes, **{**ARGUMENTS[name], **kwargs})


def points(count=8, dim=6, classes=4):
    rng = np.random.default_rng(5)
    embeddings = rng.normal(size=(count, dim)).astype("float32")
    return embeddings, rng.integers(0, classes, count)
