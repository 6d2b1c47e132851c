"""Names of Inception-ResNet-v1's weights in FaceNet's TensorFlow networks.

The networks are written with slim: convolutions are named by their place in the branch
and their size. Its batch norm has no gamma there. In a frozen graph TensorFlow's
`optimize_for_inference` and its Graph Transform Tool fold it into the convolutions, and
name the bias that it leaves after them.

Reference: src/models/inception_resnet_v1.py and src/train_softmax.py of
    davidsandberg/facenet.
"""

import dataclasses
import re

import numpy as np

from tf_sphereface.weights.files.tensors import FOLDED, SourceTensor, WeightFile
from tf_sphereface.weights.names import NameMap

_SCOPE = "InceptionResnetV1"
_STEM = ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3", "4b_3x3")
_FIRST = "0a_1x1"
# The convolutions of each branch.
_BLOCK35 = (("1x1",), (_FIRST, "0b_3x3"), (_FIRST, "0b_3x3", "0c_3x3"))
_BLOCK17 = (("1x1",), (_FIRST, "0b_1x7", "0c_7x1"))
_BLOCK8 = (("1x1",), (_FIRST, "0b_1x3", "0c_3x1"))
_MIXED_6A = (("1a_3x3",), (_FIRST, "0b_3x3", "1a_3x3"))
_MIXED_7A = ((_FIRST, "1a_3x3"), (_FIRST, "1a_3x3"), (_FIRST, "0b_3x3", "1a_3x3"))
# Scope, our name, branches, whether a convolution with biases joins them.
_BLOCKS = (
    *((f"Repeat/block35_{n + 1}", f"repeat_1_{n}", _BLOCK35, True) for n in range(5)),
    ("Mixed_6a", "mixed_6a", _MIXED_6A, False),
    *(
        (f"Repeat_1/block17_{n + 1}", f"repeat_2_{n}", _BLOCK17, True)
        for n in range(10)
    ),
    ("Mixed_7a", "mixed_7a", _MIXED_7A, False),
    *((f"Repeat_2/block8_{n + 1}", f"repeat_3_{n}", _BLOCK8, True) for n in range(5)),
    ("Block8", "block8", _BLOCK8, True),
)
_NORM = ("beta", "gamma", "moving_mean", "moving_variance")
_WEIGHTS = ("weights", "biases", *_NORM)
_FOLDED = "/Conv2D_bn_offset"  # ends the name of a folded batch norm's bias
_NO_GAMMA = "not in the file: its batch norm has no gamma"
_IDENTITY = "of the identity: the file's batch norm is folded into the convolution"
# What is beside the bias then; our epsilon makes the variance 1.
_STATISTICS = {"gamma": 1.0, "moving_mean": 0.0, "moving_variance": 1.0 - 0.001}
# Names that only a training has, and what they are.
_LEFT_OUT = (
    (r".*/ExponentialMovingAverage", "a moving average of the training"),
    (
        r".*/(Adam|Adagrad|Adadelta|RMSProp|Momentum)(_\d+)?",
        "the state of an optimizer",
    ),
    (r"(.*/)?(global_step|beta[12]_power)|Variable", "a counter of the training"),
    (r".*/avg", "an average of the training's losses"),
    (r"Logits/.*", "the classifier of the training"),
    (r"centers", "the centres of the training's center loss"),
)


def with_facenet_names(
    file: WeightFile, own: NameMap | None
) -> tuple[WeightFile, NameMap]:
    """Maps FaceNet's names to ours, and adds what stands for absent weights.

    A gamma that is not there is 1. Of a folded batch norm our beta is the bias, and our
    deviation 1; statistics that a tool has left in the file do not count.

    Args:
        file: A frozen graph or a checkpoint.
        own: The user's map, which goes before.

    Returns: The file, its tensors with notes, and the map.
    """
    own, labels = own or NameMap({}), _labels()
    names = {name: labels[name] for name in file.tensors if name in labels}
    replaced = {f"{_norm_of(name)}/beta" for name in names if name.endswith(_FOLDED)}
    tensors, drop = dict(file.tensors), []
    for name, tensor in file.tensors.items():
        if name in replaced:
            del names[name]
            reason = "folded into the convolution"
        else:
            reason = None if name in names else _reason(name, file.kind)
        if reason is not None and name not in own.tensors:
            drop.append(name)
            tensors[name] = dataclasses.replace(tensor, note=reason)
    names |= own.tensors
    for name, label in list(names.items()):
        layer, _, weight = label.rpartition("/")
        if weight == "beta" and name in tensors:
            made = _stand_ins(name, tensors)
            tensors |= made
            names |= {each: f"{layer}/{each.rpartition('/')[2]}" for each in made}
    folded = any(name.endswith(_FOLDED) for name in names)
    notes = [*file.notes, FOLDED] if folded else file.notes
    return dataclasses.replace(file, tensors=tensors, notes=notes), NameMap(
        names, (*drop, *own.drop), own.layout
    )


def _stand_ins(beta, tensors):
    """Tensors beside a beta that the file does not have, or that do not count."""
    scope, shape = _norm_of(beta), tensors[beta].shape
    if beta.endswith(_FOLDED):
        values, note = _STATISTICS, _IDENTITY
    else:
        values, note = {"gamma": 1.0}, _NO_GAMMA
        if f"{scope}/gamma" in tensors:
            return {}
    return {f"{scope}/{name}": _full(shape, values[name], note) for name in values}


def _reason(name, kind):
    """Reason to leave out a tensor; None if nothing is known of it."""
    for pattern, reason in _LEFT_OUT:
        if re.fullmatch(pattern, name):
            return reason
    if kind == "tensorflow graph" and name.rpartition("/")[2] not in _WEIGHTS:
        return "a constant of the graph, no weight"
    return None


def _norm_of(name):
    """Scope of a batch norm, by the name of its beta or of what is left of it."""
    if name.endswith(_FOLDED):
        return f"{name.removesuffix(_FOLDED)}/BatchNorm"
    return name.removesuffix("/beta")


def _full(shape, value, note):
    return SourceTensor(
        shape, "float32", lambda: np.full(shape, value, np.float32), note=note
    )


def _labels():
    """FaceNet's name to ours, LAYER/WEIGHT."""
    labels = {f"{_SCOPE}/Bottleneck/weights": "last_linear/kernel"}
    for name in _NORM:
        labels[f"{_SCOPE}/Bottleneck/BatchNorm/{name}"] = f"last_bn/{name}"

    def add(scope, layer):
        for kernel in ("weights", "Conv2D_weights"):  # the second of a folded one
            labels[f"{_SCOPE}/{scope}/{kernel}"] = f"{layer}_conv/kernel"
        labels[f"{_SCOPE}/{scope}{_FOLDED}"] = f"{layer}_bn/beta"
        for name in _NORM:
            labels[f"{_SCOPE}/{scope}/BatchNorm/{name}"] = f"{layer}_bn/{name}"

    for place in _STEM:
        add(f"Conv2d_{place}", f"conv2d_{place.partition('_')[0]}")
    for scope, block, branches, joined in _BLOCKS:
        for number, places in enumerate(branches):
            for count, place in enumerate(places):
                suffix = f"_{count}" if len(places) > 1 else ""
                add(
                    f"{scope}/Branch_{number}/Conv2d_{place}",
                    f"{block}_branch{number}{suffix}",
                )
        if joined:
            up = f"{_SCOPE}/{scope}/Conv2d_1x1"
            labels[f"{up}/weights"] = f"{block}_conv2d/kernel"
            labels[f"{up}/biases"] = f"{block}_conv2d/bias"
    return labels
