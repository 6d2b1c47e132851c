"""Assignment of a file's tensors to a backbone's weights; nothing is guessed."""

import dataclasses

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.weights.files.tensors import SourceTensor, WeightFile, read_float32
from tf_sphereface.weights.targets import Target

_COUNTER = "num_batches_tracked"
_MOST_NAMED = 6


@dataclasses.dataclass(frozen=True)
class Row:
    """A tensor and its weight; `target` is None if it was left out."""

    source: str
    shape: tuple[int, ...]
    dtype: str
    target: str | None
    note: str = ""


def match(
    file: WeightFile,
    keys: dict[tuple, str],
    targets: list[Target],
    classifiers: tuple[str, ...] = (),
    partial: bool = False,
) -> tuple[dict[str, Target], list[Row]]:
    """Pairs tensors with weights by name.

    Args:
        keys: (layer, weight) to the name in the file, of `keys_of`.
        classifiers: Layers of the training head, which are left out.
        partial: Whether weights may stay as they were made and tensors be left out.

    Returns: (name in the file -> weight, a row for each tensor left out).
    Raises: InputError if anything is left over on either side, unless `partial`.
    """
    by_key = {target.key: target for target in targets}
    layers = {target.layer for target in targets}
    pairs, left_out, unplaced = {}, [], []
    for key, name in keys.items():
        tensor = file.tensors[name]
        if key in by_key:
            pairs[name] = by_key[key]
            continue
        reason = _reason_to_drop(key, name, tensor, layers, classifiers)
        if reason is None:
            unplaced.append(name)
        left_out.append(
            Row(name, tensor.shape, tensor.dtype, None, reason or "no place for it")
        )
    for name in file.tensors.keys() - set(keys.values()):
        tensor = file.tensors[name]
        reason = tensor.note or "dropped by map"
        left_out.append(Row(name, tensor.shape, tensor.dtype, None, reason))
    placed = {target.label for target in pairs.values()}
    missing = [target.label for target in targets if target.label not in placed]
    if not pairs:
        raise InputError(
            f"{file.path} has no tensor of this network; is it another one? Its names "
            f"are {_listed(list(file.tensors))}"
        )
    if not partial and (missing or unplaced):
        raise InputError(_complaint(file.path, missing, unplaced))
    return pairs, left_out


def values_for(
    file: WeightFile, pairs: dict[str, Target], layout: str
) -> tuple[list[tuple[Target, np.ndarray]], list[Row]]:
    """Reads the tensors in our order of axes.

    Raises: InputError if a tensor has another shape than its weight, or is unreadable.
    """
    for name, target in pairs.items():  # all shapes before anything is read
        _check_shape(file, name, target, layout)
    values, rows = [], []
    for name, target in pairs.items():
        tensor = file.tensors[name]
        array = read_float32(name, tensor)
        notes = [tensor.note] if tensor.note else []
        if tensor.dtype != "float32":
            verb = "narrowed" if tensor.dtype == "float64" else "widened"
            notes.append(f"{verb} from {tensor.dtype}")
        if layout == "torch":
            array = target.to_keras(array.reshape(target.shape))
            if tuple(target.variable.shape) != tensor.shape:
                notes.append("axes in our order")
        rows.append(
            Row(name, tensor.shape, tensor.dtype, target.label, ", ".join(notes))
        )
        values.append((target, np.ascontiguousarray(array)))
    return values, rows


def _check_shape(file, name, target, layout):
    expected = target.shape if layout == "torch" else tuple(target.variable.shape)
    received = file.tensors[name].shape
    if received != expected:
        raise InputError(
            f"{file.path}: {name} must have the shape {expected} for {target.label}. "
            f"Received: {received}"
        )


def _reason_to_drop(key, name, tensor: SourceTensor, layers, classifiers):
    """Reason to leave out a tensor without a place; None if there is none."""
    layer, role = key
    if layer in classifiers:
        return "the classifier of the training"
    if role == _COUNTER:
        return "a counter of the training"
    if layer in layers and role == "bias" and not np.any(read_float32(name, tensor)):
        return "all 0, and our layer has no bias"
    return None


def _complaint(path, missing, unplaced):
    parts = []
    if missing:
        parts.append(f"{len(missing)} weights get nothing ({_listed(missing)})")
    if unplaced:
        parts.append(f"{len(unplaced)} tensors have no place ({_listed(unplaced)})")
    return (
        f"{path} does not fit the network: {'; '.join(parts)}. Choose another "
        "--backbone, give --map (--suggest proposes one), or take what fits with "
        "--partial"
    )


def _listed(names):
    shown = ", ".join(f"{name:.60}" for name in names[:_MOST_NAMED])
    return shown + (", ..." if len(names) > _MOST_NAMED else "")
