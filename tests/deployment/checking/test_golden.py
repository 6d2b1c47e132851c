"""Tests for tf_sphereface.deployment.checking.golden: each step of a golden face."""

import shutil

import numpy as np
import pytest

from tests.deployment.checking.small_bundle import (
    change_golden,
    copy,
    no_change,
    rewrite,
    whole,
)
from tf_sphereface.bundle.tflite_metadata import read_metadata, with_metadata
from tf_sphereface.deployment.checking.bundle import check_bundle

__all__ = ["copy", "whole"]


def moved(face, key, distance):
    face[key]["landmarks"][2][0] += distance


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda face: moved(face, "detected", 0.2), "a landmark is found 0.20 pixels"),
        (lambda face: face.update(detected=None), "the detector finds a face"),
        (
            lambda face: face.update(
                landmarks=(np.array(face["landmarks"]) + 0.7).tolist()
            ),
            "the crop is ",
        ),
        (
            lambda face: face["embeddings"].update(
                none=(1.02 * np.array(face["embeddings"]["none"])).tolist()
            ),
            "the embedding of none is 0.02 of its length away",
        ),
        (
            lambda face: face["embeddings"].update(
                dynamic=(-np.array(face["embeddings"]["dynamic"])).tolist()
            ),
            "the embedding of dynamic is 2 of its length away",
        ),
        (
            lambda face: face["embeddings"]["none"].pop(),
            "none gives 32 numbers, not 31",
        ),
        (lambda face: face["embeddings"].pop("none"), "it has no embedding of none"),
    ],
)
def test_each_step_of_a_golden_face_is_compared(copy, change, told):
    change_golden(copy, change)
    (line,) = check_bundle(copy).differences
    assert line.startswith(f"golden face 1: {told}")


@pytest.mark.parametrize(
    "change",
    [
        lambda face: moved(face, "detected", 0.05),
        lambda face: face["embeddings"].update(
            none=(1.005 * np.array(face["embeddings"]["none"])).tolist()
        ),
    ],
)
def test_what_another_processor_may_do_is_tolerated(copy, change):
    change_golden(copy, change)
    assert check_bundle(copy).differences == ()


def test_other_weights_with_the_same_metadata_are_told(copy):
    # As if the wrong file had been copied: only the golden faces can tell.
    shutil.copy(copy / "embedder_dynamic.tflite", copy / "other")
    content = (copy / "other").read_bytes()
    said = read_metadata(content).model_copy(update={"variant": "none"})
    (copy / "embedder.tflite").write_bytes(with_metadata(content, said))
    (copy / "other").unlink()
    rewrite(copy, no_change)
    lines = check_bundle(copy).differences
    assert lines
    for line in lines:
        assert "the embedding of none is" in line or "has name" in line


@pytest.mark.parametrize("text", ["", "[]", '{"faces": [{}]}', '{"faces": 3}'])
def test_a_damaged_golden_file_is_told(copy, text):
    (copy / "golden/golden.json").write_text(text + " ")
    rewrite(copy, no_change)
    lines = check_bundle(copy).differences
    assert any("damaged golden file" in line for line in lines)
    assert any(line.startswith("golden faces: none could be checked") for line in lines)
