"""Files of weights that are hostile or damaged: refused, whole."""

import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from tests.weights import writers
from tf_sphereface.errors import InputError
from tf_sphereface.weights.files.formats import kind_of, read_weight_file


def read(path, content):
    path.write_bytes(content)
    file = read_weight_file(path, kind_of(path))
    return {name: tensor.read() for name, tensor in file.tensors.items()}


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("form", [writers.zip_bytes, writers.old_bytes])
def test_code_is_refused_by_name_and_does_not_run(refuse, tmp_path, form, protocol):
    marker = tmp_path / "marker"
    evil = Evil(os.system, f"touch {marker}")
    content = pickle.dumps({"state_dict": evil}, protocol)
    message = refuse(form(content, {}))
    assert "the name 'posix.system'" in message
    assert not marker.exists()
    pickle.loads(content)  # the test can fail: Python's reader runs it
    assert marker.exists()


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (b"cbuiltins\neval\n(V1\ntR.", "builtins.eval"),
        (b"cnet_sphere\nsphere20a\n)\x81.", "net_sphere.sphere20a"),
        (
            b"ctorch.storage\n_load_from_bytes\n(U\x01atR.",
            "torch.storage._load_from_bytes",
        ),
        (b"ctorch\nload\n.", "torch.load"),
        (b"ctorch.jit\nload\n.", "torch.jit.load"),
        (b"cnumpy\nload\n.", "numpy.load"),
        (b"ccollections\nOrderedDict.__init__\n.", "collections.OrderedDict.__init__"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
    ],
)
def test_names_that_no_state_dict_needs_are_refused(refuse, program, name):
    assert f"the name '{name}'" in refuse(writers.zip_bytes(program, {}))


@pytest.mark.parametrize(
    "program",
    [
        b"(ios\nsystem\n.",
        b"(cos\nsystem\no.",
        b"\x82\x01.",
        b"Pid\n.",
        b"ctorch\nFloatStorage\n)R.",  # a symbol is no function
        b"}]s.",  # a key without a value
        b"}(]K\x01u.",  # a list as a key
        b"ccollections\nOrderedDict\n)R}b0]}b.",  # a state for a list
        b"(Vstorage\nVx\nV0\nVcpu\nK\x01tQ.",
    ],
)
def test_instructions_that_no_state_dict_needs_are_refused(refuse, program):
    assert "pickle" in refuse(writers.zip_bytes(program, {}))


def view(offset, shape, strides):
    """Numbers of a view as protocol 2 writes them, with a memo's entry between."""
    marks = {1: b"\x85", 2: b"\x86"}
    rows = [
        b"".join(b"K" + bytes([n]) for n in numbers) + marks[len(numbers)]
        for numbers in (shape, strides)
    ]
    return b"K" + bytes([offset]) + b"q\x09".join(rows)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ((1, (3,), (1,)), "no tensor of this network"),  # that of a right one
        ((0, (2, 2), (1, 2)), "no tensor of this network"),
        ((1, (4,), (1,)), "damaged pickle"),
        ((0, (4,), (2,)), "damaged pickle"),
        ((0, (5,), (1,)), "damaged pickle"),
        ((0, (2, 3), (0, 1)), "damaged pickle"),  # a stride of 0 repeats numbers
        ((0, (255, 255), (0, 0)), "damaged pickle"),
        ((9, (1,), (1,)), "damaged pickle"),
        ((0, (1,), (1, 1)), "damaged pickle"),
    ],
)
def test_a_tensor_stays_within_its_storage(refuse, facts, message):
    content, storages = writers.torch_pickle({"a.weight": np.ones(4, np.float32)})
    assert content.count(view(0, (4,), (1,))) == 1
    changed = content.replace(view(0, (4,), (1,)), view(*facts))
    assert message in refuse(writers.zip_bytes(changed, storages))


def test_views_share_a_storage(tmp_path):
    content, _ = writers.torch_pickle({"a.weight": np.ones(6, np.float32)})
    content = content.replace(view(0, (6,), (1,)), view(1, (2, 2), (1, 2)))
    values = np.arange(6, dtype=np.float32)
    archive = writers.zip_bytes(content, {"0": values})
    [found] = read(tmp_path / "x.pth", archive).values()
    np.testing.assert_array_equal(found, [[1, 3], [2, 4]])


@pytest.mark.parametrize("write", [writers.torch_zip, writers.torch_old])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_torch_files_are_refused(refuse, state, write, share):
    whole = write(state)
    refuse(whole[: int(len(whole) * share)])


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.9999])
def test_truncated_caffe_files_are_refused(refuse, state, share):
    whole = writers.caffe_bytes(state)
    refuse(whole[: int(len(whole) * share)], "x.caffemodel")


def test_compressed_and_foreign_zip_files_are_refused(refuse, state, tmp_path):
    packed = writers.torch_zip(state, compression=zipfile.ZIP_DEFLATED)
    assert "without compression" in refuse(packed)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    assert "one data.pkl" in refuse((tmp_path / "other.zip").read_bytes())


def test_caffes_first_format_is_named(refuse):
    old = writers.caffe_layer("conv1_1", "4", [], number=2)
    assert "V1 layers" in refuse(old, "x.caffemodel")


def test_lengths_are_not_taken_on_trust(tmp_path):
    storage = b"ctorch\nFloatStorage\nV0\nVcpu\nI1000000000000\ntQ"
    tensor = b"ctorch._utils\n_rebuild_tensor\n((Vstorage\n" + storage
    program = b"}V" + b"a.weight\n" + tensor + b"K\x00(I1000000000000\nt(K\x01ttRs."
    zipped = writers.zip_bytes(program, {"0": np.ones(4, np.float32)})
    layer = writers.field(1, b"a") + writers.field(
        7, writers.field(7, writers.field(1, writers.varint(1 << 40)))
    )
    head = b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4]}}'
    bomb = b"\xa2\x06\x00" * 100_000  # layers of nothing
    for name, content in {
        "a.pth": zipped,
        "b.caffemodel": writers.field(100, layer),
        "c.caffemodel": bomb,
        "d.safetensors": struct.pack("<Q", 1 << 60) + head,
        "e.safetensors": struct.pack("<Q", len(head)) + head + b"\0" * 4,
        "f.pth": writers.old_bytes(program, {}),
        "g.pth": b"\x80\x02X" + struct.pack("<I", 1 << 31),
    }.items():
        (tmp_path / name).write_bytes(content)
        kind = kind_of(tmp_path / name)
        tracemalloc.start()
        try:
            with pytest.raises(InputError, match=name):
                read(tmp_path / name, content)
            assert tracemalloc.get_traced_memory()[1] < 8_000_000, (name, kind)
        finally:
            tracemalloc.stop()
