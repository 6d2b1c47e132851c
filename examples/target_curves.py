"""Target logit of each head over the angle, by the heads' own code."""

import dataclasses
import math

import numpy as np
from keras import ops

from tf_sphereface import heads

_CLASSES = 10
_NO_ANNEALING = {"annealing": None}


@dataclasses.dataclass(frozen=True)
class Curve:
    """A line of the figure.

    Attributes:
        label: Beside the line.
        values: float64, over the same angles as all lines: the logit over the scale.
        other: Whether it is the logit of the other classes, not the target's.
    """

    label: str
    values: np.ndarray
    other: bool = False


def multiplicative_curves(theta: np.ndarray) -> list[Curve]:
    """Heads that multiply the angle; theta in radians, 0..pi."""
    plain = _target(heads.NormalizedSoftmaxLayer(_CLASSES), theta)
    curves = [Curve("m = 1, softmax, COCO", plain)]
    for margin in (2, 3, 4):
        head = heads.ASoftmaxLayer(_CLASSES, margin=margin, **_NO_ANNEALING)
        curves.append(Curve(f"A- and L-Softmax, m = {margin}", _target(head, theta)))
    annealed = heads.ASoftmaxLayer(_CLASSES, margin=4, annealing=lambda _: 5.0)
    curves.append(Curve("m = 4 with λ = 5", _target(annealed, theta)))
    return curves


def fixed_curves(theta: np.ndarray) -> list[Curve]:
    """Heads whose margin is one number, at their defaults."""
    plain = _target(heads.NormalizedSoftmaxLayer(_CLASSES), theta)
    sphereface2 = heads.SphereFace2Layer(_CLASSES)
    target, others = _target(sphereface2, theta), _others(sphereface2, theta)
    # The bias moves both sides alike.
    bias = float(ops.convert_to_numpy(sphereface2.bias)) / sphereface2.scale
    revived = heads.SphereFaceRLayer(_CLASSES, version=2)
    return [
        Curve("no margin", plain),
        Curve("CosFace", _target(heads.AMSoftmaxLayer(_CLASSES), theta)),
        Curve("ArcFace, CurricularFace", _target(heads.ArcFaceLayer(_CLASSES), theta)),
        Curve("SphereFace-R v1", _target(heads.SphereFaceRLayer(_CLASSES), theta)),
        Curve("SphereFace-R v2, others", _others(revived, theta), other=True),
        Curve("SphereFace2", target - bias),
        Curve("SphereFace2, others", others - bias, other=True),
    ]


def quality_curves(theta: np.ndarray) -> list[Curve]:
    """Heads whose margin follows the norm or the training, at both ends."""
    adaface = heads.AdaFaceLayer(_CLASSES)
    adaface.build((None, 8))
    mean, deviation = 20.0, 5.0
    adaface.norm_mean.assign(mean)
    adaface.norm_deviation.assign(deviation)
    curves = [Curve("no margin", np.cos(theta))]
    for label, offset in (("low", -3.1), ("mean", 0.0), ("high", 3.1)):
        norm = mean + offset * deviation
        values = _target(adaface, theta, embedding_norm=norm)
        curves.append(Curve(f"AdaFace, {label} norm", values))
    magface = heads.MagFaceLayer(_CLASSES)
    for label, norm in zip(("low", "high"), magface.norms, strict=True):
        values = _target(magface, theta, embedding_norm=norm)
        curves.append(Curve(f"MagFace, {label} norm", values))
    return curves


def hard_negative_curve(theta: np.ndarray, hardness: float) -> Curve:
    """A hard negative's logit in CurricularFace, for the paper's t = hardness."""
    head = heads.CurricularFaceLayer(_CLASSES)
    head.build((None, 8))
    head.hardness.assign(hardness)
    # With the target where cos(theta + margin) is lowest, every negative is hard but
    # that at 180 degrees.
    values = _others(head, theta, target=math.cos(math.pi - head.margin))
    values[-1] = np.nan
    return Curve(f"CurricularFace, hard others, t = {hardness:g}", values, other=True)


def _target(head, theta, **outputs):
    if not head.built:
        head.build((None, 8))
    cosines = ops.convert_to_tensor(np.cos(theta)[:, None].astype(np.float32))
    outputs = {name: ops.full_like(cosines, value) for name, value in outputs.items()}
    values = head.target_logit(cosines, outputs)
    return ops.convert_to_numpy(values)[:, 0].astype(float)


def _others(head, theta, target=1.0):
    cosines = ops.convert_to_tensor(np.cos(theta)[:, None].astype(np.float32))
    if not head.built:
        head.build((None, 8))
    outputs = {
        "logits": head.scale * cosines,
        "norm": ops.full_like(cosines, head.scale),
    }
    values = head.other_logits(outputs, ops.full_like(cosines, target))
    return ops.convert_to_numpy(values)[:, 0].astype(float) / head.scale
