"""TFLite files that would end the process of the interpreter are never opened here."""

import stat

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.bundle.sealing import edit_contract
from tests.bundle.small_bundles import write_bundle
from tf_sphereface.bundle.bundle import load_bundle
from tf_sphereface.commands import bundle as bundle_command
from tf_sphereface.commands import embed
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.detection import LiteRTNetworks
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import load_embedding_source
from tf_sphereface.files import sha256_of
from tf_sphereface.foreign import networks, tried_files
from tf_sphereface.preprocessing import PixelContract


def packed(model):
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def killer():
    """No graph at all: the interpreter reads from address 0."""
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    return packed(model)


def glutton(content):
    """The network with an input of 30 GB."""
    model = schema.ModelT.InitFromPackedBuf(content)
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].shape = np.array([1, 50000, 50000, 3], np.int32)
    return packed(model)


@pytest.fixture(scope="module")
def content(tiny):
    return FloatModel(tiny(), PixelContract()).content


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(tried_files, "user_cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(killer())
    return path


def test_a_file_that_kills_the_interpreter_is_one_line(path, tmp_path, capsys):
    crops = tmp_path / "crops"
    arguments = [path, "--images", crops, "--out", tmp_path / "a.npz"]
    assert embed.main([str(argument) for argument in arguments]) == 2
    line = f"error: {path}: the interpreter could not run it (signal 11)\n"
    assert capsys.readouterr().err == line
    assert not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize("change", [glutton, lambda content: content[:-9000]])
def test_a_file_that_takes_all_memory_or_is_cut_short(path, content, change):
    path.write_bytes(change(content))
    with pytest.raises(InputError, match=r"x\.tflite: the interpreter could not run"):
        load_embedding_source(path)


@pytest.mark.parametrize("file", ["embedder.tflite", "detector/rnet.tflite"])
def test_a_bundle_with_such_a_file_is_refused(tmp_path, content, file, capsys):
    folder = write_bundle(tmp_path / "bundle", content, 32).path
    (folder / file).write_bytes(killer())

    def reseal(contract):
        name = file.rpartition("/")[2].removesuffix(".tflite")
        records = contract["variants"]["none"], contract["detector"]["files"].get(name)
        (records[1] or records[0]).update(
            sha256=sha256_of(folder / file), bytes=len(killer())
        )

    edit_contract(folder, reseal)
    bundle = load_bundle(folder)
    with pytest.raises(InputError, match=rf"{file}: the interpreter .*\(signal 11\)"):
        bundle.embedder() if file == "embedder.tflite" else bundle.detector()
    if file == "embedder.tflite":
        assert bundle_command.main(["verify", str(folder)]) == 1
        assert "the interpreter could not run it" in capsys.readouterr().out


def test_networks_of_a_detector_in_a_folder(tmp_path):
    for name in ("pnet", "rnet", "onet"):
        (tmp_path / f"{name}.tflite").write_bytes(killer())
    with pytest.raises(InputError, match=r"pnet\.tflite: .* \(signal 11\)"):
        LiteRTNetworks(tmp_path)


def test_a_file_is_tried_once_and_remembered_in_private(cache, content, monkeypatch):
    networks.require_runnable(content, "x.tflite")
    known = [path for path in cache.rglob("*") if path.is_file()]
    assert [stat.S_IMODE(path.stat().st_mode) for path in known] == [0o600]
    assert stat.S_IMODE(known[0].parent.stat().st_mode) == 0o700
    monkeypatch.setattr(networks, "read_apart", None)
    networks.require_runnable(content, "x.tflite")
    with pytest.raises(TypeError):  # another file would be tried
        networks.require_runnable(content + b"\0", "x.tflite")


def test_a_refused_file_is_refused_again(path):
    for _ in range(2):
        with pytest.raises(InputError, match="signal 11"):
            networks.require_runnable(path.read_bytes(), path)


def test_a_cache_that_cannot_be_written_to_does_no_harm(content, cache):
    cache.write_text("a file in the place of the folder")
    networks.require_runnable(content, "x.tflite")
    assert cache.is_file()
