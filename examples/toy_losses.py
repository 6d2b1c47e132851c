"""The losses that the MNIST pictures compare, by name."""

import dataclasses
from collections.abc import Callable

from digit_data import NUM_CLASSES
from tf_sphereface.heads import (
    AMSoftmaxLayer,
    ArcFaceLayer,
    ASoftmaxLayer,
    InverseDecayAnnealing,
    MarginHead,
    NormalizedSoftmaxLayer,
    SoftmaxLayer,
)
from tf_sphereface.losses import CenterLoss


@dataclasses.dataclass(frozen=True)
class ToyLoss:
    """A loss of the comparison.

    Attributes:
        title: What figures and tables call it.
        head: Makes the head from the embedding's size and the images of the training.
        metric_losses: Makes the losses that are added to the head's.
    """

    title: str
    head: Callable[[int, int], MarginHead]
    metric_losses: Callable[[], list] = list


def a_softmax(margin: int) -> Callable[[int, int], MarginHead]:
    def head(_, images):
        return ASoftmaxLayer(
            NUM_CLASSES,
            margin=margin,
            annealing=InverseDecayAnnealing(
                base=1000.0, gamma=19.0 / images, power=4.0, minimum=0.0, unit="images"
            ),
        )

    return head


def arcface(dim: int, _: int) -> MarginHead:
    # On a circle ten classes are 36 degrees, 0.63 radians apart: 0.5 leaves no room.
    return ArcFaceLayer(NUM_CLASSES, margin=0.3 if dim == 2 else 0.5, scale=30.0)


def cosface(dim: int, _: int) -> MarginHead:
    # On a circle no margin above 1 - cos(36 degrees) = 0.19 can be kept.
    return AMSoftmaxLayer(NUM_CLASSES, margin=0.1 if dim == 2 else 0.35, scale=30.0)


LOSSES = {
    "softmax": ToyLoss("softmax", lambda *_: SoftmaxLayer(NUM_CLASSES)),
    "normalized_softmax": ToyLoss(
        "modified softmax, m = 1", lambda *_: NormalizedSoftmaxLayer(NUM_CLASSES)
    ),
    "a_softmax_2": ToyLoss("A-Softmax, m = 2", a_softmax(2)),
    "a_softmax_3": ToyLoss("A-Softmax, m = 3", a_softmax(3)),
    "a_softmax_4": ToyLoss("A-Softmax, m = 4", a_softmax(4)),
    "arcface": ToyLoss("ArcFace", arcface),
    "cosface": ToyLoss("CosFace", cosface),
    "center": ToyLoss(
        "softmax + center loss",
        lambda *_: SoftmaxLayer(NUM_CLASSES),
        lambda: [CenterLoss(NUM_CLASSES, alpha=0.5, weight=0.1)],
    ),
}
