"""Keras' files are read in another process wherever Keras opens one."""

import io
import tracemalloc
import zipfile
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from tf_sphereface.commands import evaluate
from tf_sphereface.embedding_models import load_backbone
from tf_sphereface.errors import InputError
from tf_sphereface.foreign import keras_files, tried_files
from tf_sphereface.foreign.hdf5_check import check_hdf5
from tf_sphereface.foreign.sandbox import ReaderError
from tf_sphereface.saved_models import load_model
from tf_sphereface.training.backup import restore_backup
from tf_sphereface.training.fine_tuning import initial_backbone


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(tried_files, "user_cache", lambda: tmp_path / "cache")


@pytest.fixture
def died(monkeypatch):
    """Every process with limits dies, as on a file that ends HDF5's library."""

    def read_apart(reader, path, limits):
        raise ReaderError(path, None, "signal 11")

    monkeypatch.setattr(keras_files, "read_apart", read_apart)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_the_reader_needs_twice_the_file_at_most(tmp_path, suffix):
    """Else the limits on memory would refuse the head of a million people."""
    size, weights = 64 << 20, io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["kernel"] = np.zeros(size // 4, np.float32)
    path = tmp_path / f"model{suffix}"
    if suffix == ".keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model.weights.h5", weights.getvalue())
    else:
        path.write_bytes(weights.getvalue())
    tracemalloc.start()
    _, metadata = check_hdf5(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert metadata == {"kind": "weights"}
    assert 1.9 * size < peak < 2.1 * size


@pytest.mark.slow
def test_the_head_of_a_million_people_is_within_the_limits(tmp_path):
    weights = tmp_path / "model.weights.h5"
    with h5py.File(weights, "w") as file:
        file["kernel"] = np.zeros((512, 1_000_000), np.float32)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.write(weights, weights.name)
    keras_files.check_keras_file(tmp_path / "model.keras")


@pytest.mark.parametrize("load", [load_backbone, load_model, initial_backbone])
def test_a_file_that_ends_the_library_is_not_opened(died, backbone_file, load):
    with pytest.raises(InputError, match="cannot be read within bounds on memory"):
        load(backbone_file)


def test_a_backup_that_ends_the_library_is_not_opened(died, tmp_path):
    path = tmp_path / "state.weights.h5"
    path.write_bytes(b"anything")
    optimizer = SimpleNamespace(build=lambda variables: None)
    classifier = SimpleNamespace(optimizer=optimizer, trainable_variables=())
    with pytest.raises(InputError, match="damaged backup: .*delete it"):
        restore_backup(classifier, path)


def test_a_command_says_so_in_a_line(died, backbone_file, tmp_path, capsys):
    arguments = [backbone_file, "--pairs", "x", "--images", "x", "--out", tmp_path]
    assert evaluate.main([str(argument) for argument in arguments]) == 2
    assert capsys.readouterr().err == (
        f"error: {backbone_file} is damaged: it cannot be read within bounds on memory "
        "and time\n"
    )
