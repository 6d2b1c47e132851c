"""Tests for tf_sphereface.data.batches.augmentation."""

import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_sphereface.data.batches.augmentation import (
    StrongAugmentation,
    _Draws,
    _shift,
    preset,
)
from tf_sphereface.data.batches.shuffled import training_batches
from tf_sphereface.data.records.writer import write_records
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

COUNT = 24


@pytest.fixture(scope="module")
def strong():
    pytest.importorskip("keras_cv")
    return StrongAugmentation()


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (COUNT, 28, 24, 3)).astype("f4")


def draws(number=0):
    return _Draws(tf.constant([7, number], tf.int64))


def test_paper_is_the_mirror_and_none_is_nothing():
    assert preset("paper") == (True, None)
    assert preset("none") == (False, None)


def test_an_unknown_preset_is_named():
    with pytest.raises(InputError, match="\"strong\". Received: 'wild'"):
        preset("wild")


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    with pytest.raises(InputError, match="pip install 'tf-sphereface.augmentation.'"):
        preset("strong")


def test_shift_moves_by_whole_pixels_and_repeats_the_edge(faces):
    moved = _shift(tf.constant(faces), draws()).numpy()
    found = set()
    for before, after in zip(faces, moved, strict=True):
        wide = np.pad(before, [(4, 4), (4, 4), (0, 0)], "edge")
        places = [
            (y - 4, x - 4)
            for y in range(9)
            for x in range(9)
            if np.array_equal(wide[y : y + 28, x : x + 24], after)
        ]
        assert len(places) == 1
        found.update(places)
    assert len(found) > COUNT / 2
    assert min(y for y, _ in found) < 0 < max(y for y, _ in found)


def test_cutout_fills_one_grey_rectangle(strong, faces):
    cut = strong._cut_out(tf.constant(faces), draws()).numpy()
    sizes = set()
    for before, after in zip(faces, cut, strict=True):
        changed = (before != after).all(axis=2)
        rows, columns = np.nonzero(changed.any(1))[0], np.nonzero(changed.any(0))[0]
        box = after[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert (box == 127.5).all()
        assert changed.sum() == box.shape[0] * box.shape[1]
        assert box.shape[0] <= 0.4 * 28 + 1
        assert box.shape[1] <= 0.4 * 24 + 1
        sizes.add(box.shape)
    assert len(sizes) > 5


def test_blur_keeps_a_plain_face_and_smooths_noise(strong, faces):
    plain = np.full((3, 28, 24, 3), 200, np.float32)
    np.testing.assert_allclose(strong._blurred(tf.constant(plain), draws()), 200, 1e-5)
    blurred = strong._blurred(tf.constant(faces), draws()).numpy()
    deviations = blurred.std(axis=(1, 2, 3)) / faces.std(axis=(1, 2, 3))
    assert (deviations < 1).all()
    assert deviations.max() > 1.5 * deviations.min()  # each face a sigma of its own


def test_recolouring_keeps_the_range_and_differs_between_faces(strong, faces):
    same = np.repeat(faces[:1], COUNT, axis=0)
    coloured = strong._recolour(tf.constant(same), draws()).numpy()
    assert coloured.min() >= 0
    assert coloured.max() <= 255
    assert len({face.tobytes() for face in coloured}) == COUNT


def test_strong_changes_every_step_on_some_faces(strong):
    rng = np.random.default_rng(1)
    faces = tf.constant(rng.integers(0, 256, (200, 28, 24, 3)).astype("f4"))
    out = strong(faces, tf.constant([1, 2], tf.int64)).numpy()
    rates = {
        "grey": np.isclose(out.max(3), out.min(3), atol=0.01).all(axis=(1, 2)).mean(),
        "cutout": (out == 127.5).all(3).any(axis=(1, 2)).mean(),
        "smooth": (np.abs(np.diff(out, axis=2)).mean(axis=(1, 2, 3)) < 40).mean(),
    }
    assert 0.03 < rates["grey"] < 0.2
    assert 0.35 < rates["cutout"] < 0.65
    assert 0.15 < rates["smooth"] < 0.6


@pytest.mark.slow
def test_strong_batches_are_reproducible_and_keep_their_labels(strong, tmp_path):
    rng = np.random.default_rng(2)
    for label in range(4):
        (tmp_path / "aligned" / f"p{label}").mkdir(parents=True)
        for number in range(6):
            # Dark or light above, alike or much darker below: survives every step.
            pixels = rng.integers(60, 100, (112, 96, 3), np.uint8)
            pixels[:, :] += np.uint8(100 * (label % 2))
            pixels[56:] //= 1 + label // 2 * 3
            path = tmp_path / "aligned" / f"p{label}" / f"{number}.png"
            Image.fromarray(pixels).save(path)
    write_records(tmp_path / "aligned", tmp_path / "records", shards=2)

    def take(seed):
        dataset = training_batches(
            tmp_path / "records",
            8,
            contract=PixelContract(),
            seed=seed,
            augmentation=strong,
        )
        assert dataset.element_spec[0] == tf.TensorSpec((8, 112, 96, 3), tf.float32)
        return list(dataset.take(4).as_numpy_iterator())

    first, same, other = take(1), take(1), take(2)
    for (faces, labels), (again, same_labels) in zip(first, same, strict=True):
        np.testing.assert_array_equal(faces, again)
        np.testing.assert_array_equal(labels, same_labels)
        assert np.abs(faces).max() <= 127.5 / 128
        top = np.median(faces[:, :50], axis=(1, 2, 3)) * 128 + 127.5
        bottom = np.median(faces[:, 62:], axis=(1, 2, 3)) * 128 + 127.5
        assert ((top > 130) == (labels % 2 == 1)).all()
        assert ((top > 2 * bottom) == (labels >= 2)).all()
    assert not np.array_equal(first[0][0], other[0][0])
