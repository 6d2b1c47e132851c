"""Names of tensors in files: which layer and weight they mean, and a user's own map."""

import dataclasses
import tomllib
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.weights.files.tensors import WeightFile
from tf_sphereface.weights.targets import ROLES


@dataclasses.dataclass(frozen=True)
class NameMap:
    """Their names to ours, "LAYER/WEIGHT", and the names to leave out."""

    tensors: dict[str, str]
    drop: tuple[str, ...] = ()
    layout: str | None = None


def read_name_map(path: Path) -> NameMap:
    """Reads `[tensors]`, `drop` and `layout` of a TOML file.

    Raises: InputError if the file is not of this kind.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"map {path} is not valid TOML: {error}") from error
    tensors, drop = content.pop("tensors", {}), content.pop("drop", [])
    layout = content.pop("layout", None)
    if content or type(tensors) is not dict or type(drop) is not list:
        raise InputError(
            f"map {path} must hold [tensors], `drop` and `layout` only. "
            f"Received: {', '.join(map(repr, content)) or 'another type'}"
        )
    for name in [*tensors.values(), *drop]:
        if type(name) is not str:
            raise InputError(f"map {path} must map texts. Received: {name!r:.80}")
    for name, label in tensors.items():
        layer, _, weight = label.rpartition("/")
        if not layer or weight not in ROLES:
            raise InputError(
                f"map {path} must map to LAYER/WEIGHT, WEIGHT one of "
                f"{', '.join(ROLES)}. Received: {name} = {label!r:.80}"
            )
    if layout not in (None, "torch", "keras"):
        raise InputError(f"map {path}: `layout` must be 'torch' or 'keras'")
    return NameMap(tensors, tuple(drop), layout)


def keys_of(file: WeightFile, name_map: NameMap | None) -> dict[tuple, str]:
    """(layer, weight as PyTorch calls it) to the name in the file.

    A name that is mapped means what the map says; the others mean what they say: the
    module path with "_" for ".", or LAYER/WEIGHT in Keras' files.

    Raises: InputError if two names mean the same, or the map has names that the file
        has not.
    """
    mapped = name_map or NameMap({})
    for name in (*mapped.tensors, *mapped.drop):
        if name not in file.tensors:
            raise InputError(f"the map names {name!r}, which {file.path} does not have")
    found = {}
    for name in file.tensors:
        if name in mapped.drop:
            continue
        key = _key(mapped.tensors.get(name), name)
        if key in found:
            raise InputError(
                f"{file.path} is ambiguous: {found[key]!r:.80} and {name!r:.80} both "
                f"mean {key[0]:.80}"
            )
        found[key] = name
    return found


def _key(label, name):
    label = label or (name if "/" in name else None)
    if label is not None:
        layer, _, weight = label.rpartition("/")
        return layer, ROLES.get(weight, weight)
    module, _, role = name.rpartition(".")
    return module.replace(".", "_"), role
