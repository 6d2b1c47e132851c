"""Tests for tf_sphereface.data.batches.pipeline."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_sphereface.data.batches.pipeline import face_batches
from tf_sphereface.data.batches.shuffled import training_batches
from tf_sphereface.data.records.writer import write_records
from tf_sphereface.preprocessing import PixelContract

FACES = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Noise PNGs: `pixels` uint8 (label, image, 112, 96, 3), and their records."""
    folder = tmp_path_factory.mktemp("faces")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 112, 96, 3), np.uint8)
    for label, images in enumerate(pixels):
        (folder / "aligned" / f"p{label}").mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(
                folder / "aligned" / f"p{label}" / f"{number}.png"
            )
    write_records(folder / "aligned", folder / "records", shards=3)
    np.save(folder / "pixels.npy", pixels)
    return folder


def take(folder, count=2, batch_size=FACES, contract=None, **arguments):
    dataset = training_batches(
        folder / "records",
        batch_size,
        contract=contract or PixelContract(),
        **{"seed": 1, **arguments},
    )
    return list(dataset.take(count).as_numpy_iterator())


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_faces_are_normalised_and_half_are_mirrored(folder, order):
    contract = PixelContract(channel_order=order, mean=100.0, scale=48.0)
    pixels = np.load(folder / "pixels.npy").astype(np.float64)
    if order == "BGR":
        pixels = pixels[..., [2, 1, 0]]
    expected = (pixels - 100.0) / 48.0
    mirrored = []
    for faces, labels in take(folder, 4, contract=contract, seed=0):
        for face, label in zip(faces, labels, strict=True):
            plain = np.abs(expected[label] - face).max(axis=(1, 2, 3))
            flipped = np.abs(np.flip(expected[label], 2) - face).max(axis=(1, 2, 3))
            assert min(plain.min(), flipped.min()) < 1e-5
            mirrored.append(flipped.min() < plain.min())
    assert 25 < sum(mirrored) < 55  # of 80
    assert mirrored[:FACES] != mirrored[FACES : 2 * FACES]


def test_batches_have_static_shapes_and_types(folder):
    dataset = training_batches(folder / "records", 7, contract=PixelContract(), seed=0)
    assert dataset.element_spec == (
        tf.TensorSpec((7, 112, 96, 3), tf.float32),
        tf.TensorSpec((7,), tf.int32),
    )


def test_jpegs_decode_as_everywhere_else():
    noise = np.random.default_rng(1).integers(0, 256, (112, 96, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=95)
    feature = {
        "image/encoded": tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[buffer.getvalue()])
        ),
        "image/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[4])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    dataset = face_batches(
        tf.data.Dataset.from_tensors(example.SerializeToString()),
        1,
        contract=PixelContract(),
        seed=0,
        mirrored=False,
    )
    ((faces, labels),) = dataset.as_numpy_iterator()
    decoded = tf.io.decode_image(buffer.getvalue()).numpy()
    np.testing.assert_array_equal(faces[0] * 128 + 127.5, decoded)
    assert labels.tolist() == [4]


def test_a_keras_layer_sees_faces_before_they_are_normalised(folder):
    arguments = {"mirrored": False}
    plain = take(folder, **arguments)
    halved = take(folder, augmentation=keras.layers.Rescaling(0.5), **arguments)
    for (faces, labels), (ours, same) in zip(plain, halved, strict=True):
        np.testing.assert_array_equal(labels, same)
        pixels = faces * 128 + 127.5
        np.testing.assert_allclose(ours, (0.5 * pixels - 127.5) / 128, atol=1e-6)


def test_what_an_augmentation_gives_is_clipped_to_0_to_255(folder):
    double = keras.layers.Rescaling(3.0, offset=-200.0)
    ((faces, _),) = take(folder, 1, augmentation=double)
    assert faces.min() == (0 - 127.5) / 128
    assert faces.max() == (255 - 127.5) / 128


def test_a_seeded_keras_layer_gives_the_same_batches_again(folder):
    first, same, other = (
        take(folder, augmentation=keras.layers.RandomBrightness(0.5, seed=seed))
        for seed in (3, 3, 4)
    )
    for ours, theirs, others in zip(first, same, other, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert not np.array_equal(ours[0], others[0])
    assert not np.array_equal(first[0][0], take(folder)[0][0])  # it does something


def test_a_function_gets_a_seed_of_its_own_for_each_batch_and_is_traced_once(folder):
    traces = []

    def paint(faces, seed):
        traces.append(faces.shape)
        value = tf.cast(100 * seed[0] + seed[1], tf.float32)
        return tf.zeros_like(faces) + value

    batches = take(folder, 4, batch_size=5, augmentation=paint, seed=2)
    values = [faces[0, 0, 0, 0] * 128 + 127.5 for faces, _ in batches]
    assert values == [200, 201, 202, 203]
    assert traces == [(5, 112, 96, 3)]


def test_every_face_comes_once_an_epoch(folder):
    batches = take(folder, 4, batch_size=FACES // 4, mirrored=False)
    faces = np.concatenate([faces for faces, _ in batches])
    assert len(np.unique(faces.reshape(FACES, -1), axis=0)) == FACES
