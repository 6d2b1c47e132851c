"""The names that pickles of PyTorch's state dicts use, and what stands for them here.

Reference: torch/_utils.py and torch/serialization.py of PyTorch 0.2 to 2.x.
"""

import dataclasses
import math

from tf_sphereface.pickles.vocabulary import Name, RefusedPickleError, Vocabulary

_DTYPES = {
    "torch.FloatStorage": "float32",
    "torch.DoubleStorage": "float64",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
}
_ITEM_SIZES = {
    **dict.fromkeys(("float64", "int64"), 8),
    **dict.fromkeys(("float32", "int32"), 4),
    **dict.fromkeys(("float16", "bfloat16", "int16"), 2),
    **dict.fromkeys(("int8", "uint8", "bool"), 1),
}
_MOST_AXES = 8


@dataclasses.dataclass(frozen=True)
class Storage:
    """A run of `count` numbers somewhere in the file."""

    dtype: str
    key: str
    count: int

    @property
    def length(self) -> int:
        """Bytes."""
        return self.count * _ITEM_SIZES[self.dtype]


@dataclasses.dataclass(frozen=True)
class StoredTensor:
    """A view of a storage; offset and strides count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def text(value):
    """Python 2's strings are bytes in a pickle."""
    return value.decode("utf-8", "replace") if type(value) is bytes else value


def _is_count(value):
    return type(value) is int and 0 <= value < 1 << 62


def _find_storage(identifier):
    if type(identifier) is not tuple or len(identifier) not in (5, 6):
        raise RefusedPickleError("a persistent id that is no storage")
    kind, name, key, _, count = identifier[:5]
    if text(kind) != "storage" or type(name) is not Name:
        raise RefusedPickleError("a persistent id that is no storage")
    if len(identifier) == 6 and identifier[5] is not None:
        raise RefusedPickleError("a storage within another one")
    if name not in _DTYPES or type(text(key)) is not str or not _is_count(count):
        raise ValueError("no storage")
    return Storage(_DTYPES[name], text(key), count)


def _rebuild_tensor(arguments):
    storage, offset, shape, strides = arguments[:4]
    if type(storage) is not Storage or type(shape) is not tuple:
        raise ValueError("no tensor")
    if type(strides) is not tuple or len(strides) != len(shape):
        raise ValueError("no strides")
    if len(shape) > _MOST_AXES or not all(map(_is_count, (offset, *shape, *strides))):
        raise ValueError("no shape")
    size = math.prod(shape)
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    # A stride of 0 would repeat numbers: a small file could ask for any memory.
    if size and (size > storage.count or last >= storage.count):
        raise ValueError("a tensor beyond its storage")
    return StoredTensor(storage, offset, shape, strides)


def _rebuild_parameter(arguments):
    tensor = arguments[0]
    if type(tensor) is not StoredTensor:
        raise ValueError("no parameter")
    return tensor


def _make_dict(arguments):
    items = arguments[0] if arguments else []
    if type(items) is not list or len(arguments) > 1:
        raise ValueError("no items")
    made = {}
    for item in items:  # as Python 2 wrote it
        key, value = item
        if type(key) not in (str, bytes):
            raise ValueError("no text as a key")
        made[key] = value
    return made


def _build(target, state):
    # State dicts carry the versions of their modules as an attribute.
    if type(target) is not dict:
        raise RefusedPickleError("a state for something that has none")


def state_dicts(storages: dict[str, Storage]) -> Vocabulary:
    """Vocabulary of pickled state dicts; their storages are noted in `storages`."""

    def find(identifier):
        storage = _find_storage(identifier)
        if storages.setdefault(storage.key, storage) != storage:
            raise ValueError("two storages of one key")
        return storage

    return Vocabulary(
        holds="dicts of PyTorch tensors (`torch.save(model.state_dict(), FILE)`)",
        calls={
            "collections.OrderedDict": _make_dict,
            "torch._utils._rebuild_tensor": _rebuild_tensor,  # before PyTorch 0.4
            "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
            "torch._utils._rebuild_parameter": _rebuild_parameter,
        },
        names=frozenset(_DTYPES),
        build=_build,
        persistent=find,
        dicts=True,
    )
