"""Tests for examples.embedding_sphere."""

import json

import numpy as np
import pytest
from PIL import Image

from embedding_sphere import main
from tf_sphereface.evaluation.embeddings.npz import EmbeddingFile, write_embeddings


@pytest.fixture
def write(tmp_path):
    def write(name, dim=3, people="A" * 50 + "B" * 40 + "C" * 30):
        embeddings = np.random.default_rng(0).normal(size=(len(people), dim))
        names = tuple(f"{person}/{row}.png" for row, person in enumerate(people))
        write_embeddings(tmp_path / name, EmbeddingFile(embeddings, names))
        return str(tmp_path / name)

    return write


def test_spheres_of_several_models_are_one_picture(write, tmp_path, capsys):
    out = tmp_path / "spheres.png"
    assert main([write("m1.npz"), write("m4.npz"), "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["people"] == ["A", "B", "C"]
    pixels = np.asarray(Image.open(out).convert("RGB")).astype(int)
    halves = np.array_split(pixels, 2, axis=1)
    for half in halves:  # the second class is orange, on each sphere
        assert (half[..., 0] - half[..., 2] > 60).any()


def test_other_embeddings_are_one_line(write, tmp_path, capsys):
    for files, reason in (
        ([write("long.npz", dim=4)], "must have 3 numbers"),
        ([write("one.npz", people="AA")], "at least two"),
        ([write("a.npz"), write("b.npz", people="AB")], "the same people"),
    ):
        assert main([*files, "--out", str(tmp_path / "out.png")]) == 2
        error = capsys.readouterr().err
        assert reason in error and error.count("\n") == 1
    assert not (tmp_path / "out.png").exists()
