"""The state dict in what `torch.save` wrote."""

from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.weights.files.tensors import WeightFile
from tf_sphereface.weights.files.torch_file import read_torch_object, source_tensor
from tf_sphereface.weights.files.torch_pickle import StoredTensor, text

_WRAPPERS = ("state_dict", "net_state_dict", "model_state_dict")
_PREFIX = "module."  # torch.nn.DataParallel puts it before every name


def read_state_dict(path: Path) -> WeightFile:
    """The tensors of a state dict, or of a checkpoint with one in it.

    Raises: InputError if the file is damaged, or holds no state dict, or anything that
        would have to be run.
    """
    content, read_storage = read_torch_object(path)
    found, notes = _find_tensors(content, path)
    names = [text(name) for name in found]
    if all(name.startswith(_PREFIX) for name in names):
        names = [name.removeprefix(_PREFIX) for name in names]
        notes.append(f"{_PREFIX!r} taken off every name")
    if len(set(names)) < len(names):
        raise InputError(f"damaged PyTorch file: {path}, a name occurs twice")
    tensors = {
        name: source_tensor(tensor, read_storage)
        for name, tensor in zip(names, found.values(), strict=True)
    }
    return WeightFile(path, "pytorch", tensors, notes=notes)


def _find_tensors(content, path):
    notes = []
    if type(content) is dict and not _tensors_of(content):
        inside = [
            (key, value)
            for key, value in content.items()
            if text(key) in _WRAPPERS and type(value) is dict
        ]
        if len(inside) == 1:
            [(key, content)] = inside
            notes.append(f"the state dict is {text(key)!r} of a checkpoint")
    tensors = _tensors_of(content) if type(content) is dict else {}
    if not tensors:
        raise InputError(
            f"{path} must hold a state dict, or a dict with one as one of "
            f"{', '.join(_WRAPPERS)}; write it with `torch.save(model.state_dict(), "
            "FILE)`"
        )
    if len(tensors) < len(content):
        notes.append(f"{len(content) - len(tensors)} values that are no tensors")
    return tensors, notes


def _tensors_of(content):
    return {
        key: value
        for key, value in content.items()
        if type(key) in (str, bytes) and type(value) is StoredTensor
    }
