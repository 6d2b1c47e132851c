"""Any bytes as a file of Keras' give a model or an `InputError`, soon and in bounds."""

import json
import resource
import zipfile

import h5py
import keras
import numpy as np
import pytest

from tests.damaged_files import check_reader, mutations
from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.errors import InputError
from tf_sphereface.foreign import keras_files
from tf_sphereface.weights import import_weights
from tf_sphereface.weights.files.formats import kind_of

# Each case starts a process or two.
CASES = pytest.mark.parametrize(
    "cases", [12, pytest.param(300, marks=pytest.mark.slow)]
)
SIZES = {"width_multiplier": 1 / 64, "embedding_dim": 2}
INTERESTING = [b"FRHP", b"TREE", b"SNOD", b"OHDR", b'"', b"0", b"PK\x01\x02"]


def saved(path):
    backbone = SphereFaceCNN(4, **SIZES)
    if path.name.endswith(".weights.h5"):
        backbone.save_weights(path)
    elif path.suffix == ".h5":
        keras.Model(backbone.inputs, backbone.outputs).save(path)
    else:
        backbone.save(path)
    return path.read_bytes()


@pytest.mark.slow
@CASES
@pytest.mark.parametrize("name", ["x.weights.h5", "x.h5", "x.keras"])
def test_keras_files(tmp_path, name, cases):
    path, out = tmp_path / name, tmp_path / "out.keras"
    whole = saved(path)

    def read(content):
        path.write_bytes(content)
        try:
            import_weights(path, "sphereface4", out, arguments=SIZES)
            out.unlink()
        finally:
            assert [file.name for file in tmp_path.iterdir()] == [name]

    check_reader(cases, mutations(whole, INTERESTING), read)


def rewritten(path, change):
    """The `.keras` file with another config."""
    saved(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config["config"])
    parts["config.json"] = json.dumps(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_a_config_that_asks_for_memory_is_refused_before_it_gets_it(tmp_path):
    path = tmp_path / "x.keras"
    rewritten(path, lambda config: config.update(embedding_dim=10_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"x\.keras"):
        import_weights(path, "sphereface4", tmp_path / "out.keras")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000  # kilobytes; the weights would be 3 GB


def test_a_model_can_be_made_after_one_was_refused(tmp_path):
    path = tmp_path / "x.keras"
    rewritten(path, lambda config: config.update(embedding_dim=10_000_000))
    with pytest.raises(InputError):
        import_weights(path, "sphereface4", tmp_path / "out.keras")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = SphereFaceCNN(4, **SIZES)  # Keras gives waiting variables their values
    assert np.isfinite(model(np.zeros((1, 112, 96, 3), np.float32))).all()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000


@pytest.mark.slow
def test_hdf5_on_which_the_library_never_ends_is_refused(tmp_path, monkeypatch):
    """A text in the global heap that says that it has no length."""
    monkeypatch.setattr(keras_files, "_CPU_SECONDS", 2)
    path = tmp_path / "x.weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["name"] = "text"
    content = bytearray(path.read_bytes())
    size = content.index(b"GCOL") + 16 + 8
    content[size : size + 8] = bytes(8)
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged: it cannot be read within bounds"):
        kind_of(path)
