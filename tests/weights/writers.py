"""Files of weights as Caffe and PyTorch write them, made without either."""

import collections
import io
import pickle
import pickletools
import struct
import sys
import types
import zipfile
from unittest import mock

import numpy as np

STORAGES = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
}
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def varint(number):
    written = b""
    while number > 0x7F:
        written += bytes([number & 0x7F | 0x80])
        number >>= 7
    return written + bytes([number])


def field(number, content):
    """A length-delimited field of the wire format, or a varint."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(values, old=False, double=False):
    if old:
        shape = (1,) * (4 - values.ndim) + values.shape
        head = b"".join(field(n, size) for n, size in enumerate(shape, start=1))
    else:
        head = field(7, field(1, b"".join(map(varint, values.shape))))
    code, number = ("<f8", 8) if double else ("<f4", 5)
    return head + field(number, values.astype(code).tobytes())


def caffe_layer(name, kind, blobs, number=100):
    content = field(1, name.encode()) + field(2, kind.encode())
    # A phase and a bottom, which the reader has to pass over.
    content += field(3, b"below") + field(10, 1)
    return field(number, content + b"".join(field(7, part) for part in blobs))


def caffe_bytes(state, **options):
    """A NetParameter of a state dict: weight and bias are a layer's blobs."""
    content = field(1, b"a net") + caffe_layer("data", "Input", [])
    modules = dict.fromkeys(name.rpartition(".")[0] for name in state)
    for module in modules:
        weights = [
            state[f"{module}.{role}"]
            for role in ("weight", "bias")
            if f"{module}.{role}" in state
        ]
        kinds = {4: "Convolution", 2: "InnerProduct", 1: "PReLU"}
        blobs = [blob(values, **options) for values in weights]
        content += caffe_layer(module, kinds[weights[0].ndim], blobs)
    return content


class _Storage:
    def __init__(self, kind, key, values):
        self.kind, self.key, self.values = kind, key, values


class _Tensor:
    def __init__(self, values, key, dtype, old):
        self.storage = _Storage(STORAGES[dtype], key, values)
        self.old = old

    def __reduce__(self):
        values, torch = self.storage.values, sys.modules["torch._utils"]
        strides = tuple(stride // values.itemsize for stride in values.strides)
        arguments = (self.storage, 0, values.shape, strides)
        if self.old:
            return torch._rebuild_tensor, arguments
        rest = (False, collections.OrderedDict())
        return torch._rebuild_tensor_v2, (*arguments, *rest)


class _Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        if not isinstance(thing, _Storage):
            return None
        kind = getattr(sys.modules["torch"], thing.kind)
        return ("storage", kind, thing.key, "cuda:0", thing.values.size)


def torch_modules():
    """Modules with PyTorch's names, so that pickle can write these names."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    for name in ("_rebuild_tensor", "_rebuild_tensor_v2"):

        def rebuild(*_):
            raise AssertionError("the writer's functions are not called")

        rebuild.__module__, rebuild.__qualname__ = "torch._utils", name
        rebuild.__name__ = name
        setattr(utils, name, rebuild)
    return {"torch": torch, "torch._utils": utils}


def as_stored(values, dtype):
    if dtype == "bfloat16":
        return (values.astype("<f4").view("<u4") >> 16).astype("<u2")
    return values.astype(np.dtype(dtype).newbyteorder("<"))


def torch_pickle(state, wrap=None, dtype="float32", old=False):
    """(pickle of the object, storages by key); other types than float32 stay."""
    tensors = collections.OrderedDict()
    for number, (name, values) in enumerate(state.items()):
        kind = dtype if values.dtype == np.float32 else str(values.dtype)
        tensors[name] = _Tensor(as_stored(values, kind), str(number), kind, old)
    tensors._metadata = collections.OrderedDict({"": {"version": 1}})
    buffer = io.BytesIO()
    with mock.patch.dict(sys.modules, torch_modules()):
        _Pickler(buffer, 2).dump(wrap(tensors) if wrap else tensors)
    storages = {t.storage.key: t.storage.values for t in tensors.values()}
    return buffer.getvalue(), storages


def python2(content):
    """The pickle as Python 2 wrote it: texts as strings of bytes."""
    parts = [(op, at) for op, _, at in pickletools.genops(content)]
    ends = [at for _, at in parts[1:]] + [len(content)]
    written = b""
    for (op, at), end in zip(parts, ends, strict=True):
        piece = content[at:end]
        if op.name == "BINUNICODE":
            piece = b"U" + bytes([len(piece) - 5]) + piece[5:]
        written += piece
    return written


def torch_zip(state, compression=zipfile.ZIP_STORED, **options):
    content, storages = torch_pickle(state, **options)
    return zip_bytes(content, storages, compression)


def zip_bytes(content, storages, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/byteorder", "little")
        for key, values in storages.items():
            archive.writestr(f"archive/data/{key}", values.tobytes())
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def torch_old(state, python_2=False, **options):
    content, storages = torch_pickle(state, **options)
    if python_2:
        content = python2(content)
    return old_bytes(content, storages)


def old_bytes(content, storages):
    machine = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {}}
    written = b"".join(pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, machine))
    written += content + pickle.dumps(list(storages), 2)
    for values in storages.values():
        written += struct.pack("<q", values.size) + values.tobytes()
    return written


def sphere4_state(rng):
    """Arrays of a 4-layer SphereFace network by the names of its Caffe layers."""
    state, before = {}, 3
    for stage, channels in enumerate((2, 4, 8, 16), start=1):
        state[f"conv{stage}_1.weight"] = rng.normal(size=(channels, before, 3, 3))
        state[f"conv{stage}_1.bias"] = rng.normal(size=channels)
        state[f"relu{stage}_1.weight"] = rng.normal(size=channels)
        before = channels
    state["fc5.weight"] = rng.normal(size=(5, 42 * before))
    state["fc5.bias"] = rng.normal(size=5)
    return {name: values.astype(np.float32) for name, values in state.items()}
