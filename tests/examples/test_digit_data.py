"""Tests for examples.digit_data."""

import numpy as np
import pytest

import digit_data
from tf_sphereface.errors import InputError


def data_of(images, shift):
    labels = np.arange(len(images), dtype=np.int32)
    return digit_data.DigitData("made", images, labels, images, labels, shift)


def idx(array):
    header = [0x0800 + array.ndim, *array.shape]
    return np.array(header, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def write_mnist(folder, test_size=(4, 3), test_labels=range(10)):
    for name, size, labels in (
        ("train", (4, 3), range(20)),
        ("t10k", test_size, test_labels),
    ):
        labels = np.array(labels) % 10
        images = np.arange(len(labels))[:, None, None] * np.ones(size)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))


def test_mnist_keeps_its_own_split(tmp_path):
    write_mnist(tmp_path)
    data = digit_data.load_mnist(tmp_path)
    assert data.train_images.shape == (20, 4, 3)
    assert data.test_images[:, 0, 0].tolist() == list(range(10))
    assert data.test_labels.tolist() == list(range(10))
    assert data.test_labels.dtype == np.int32


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"test_size": (3, 3)}, r"one size. Received: \(4, 3\) and \(3, 3\)"),
        ({"test_labels": range(9)}, "t10k labels .* must be the digits 0 to 9"),
    ],
)
def test_files_that_do_not_fit_each_other_are_refused(tmp_path, broken, message):
    write_mnist(tmp_path, **broken)
    with pytest.raises(InputError, match=message):
        digit_data.load_mnist(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="--mnist must be a folder .*nowhere"):
        digit_data.load_mnist(tmp_path / "nowhere")


def test_small_digits_are_split_without_overlap_and_by_class():
    data = digit_data.load_small_digits()
    assert len(data.train_labels) + len(data.test_labels) == 1797
    counts = np.bincount(np.concatenate([data.train_labels, data.test_labels]))
    np.testing.assert_allclose(np.bincount(data.test_labels), counts / 3, atol=1)
    trained = {image.tobytes() for image in data.train_images}
    assert not any(image.tobytes() in trained for image in data.test_images)
    assert data.train_images.max() == 255 and data.train_images.min() == 0
    again = digit_data.load_small_digits()
    np.testing.assert_array_equal(data.test_images, again.test_images)


def test_network_input_follows_the_pixel_contract():
    images = np.array([[[0, 255]]], np.uint8)
    values = digit_data.network_input(images)
    assert values.shape == (1, 1, 2, 1) and values.dtype == np.float32
    np.testing.assert_array_equal(values[0, 0, :, 0], [-127.5 / 128, 127.5 / 128])


def test_an_epoch_has_every_image_once_with_its_label():
    images = np.arange(12, dtype=np.uint8)[:, None, None] * np.ones((3, 3), np.uint8)
    batches = digit_data.ShiftedBatches(data_of(images, shift=0), 4, seed=5)
    parts = [batches[index] for index in range(len(batches))]
    labels = np.concatenate([part[1] for part in parts])
    assert sorted(labels) == list(range(12)) and list(labels) != list(range(12))
    values = np.concatenate([part[0] for part in parts])[:, 1, 1, 0]
    np.testing.assert_array_equal(values * 128 + 127.5, labels)


def test_epochs_differ_and_seeds_repeat():
    images = np.zeros((40, 2, 2), np.uint8)
    first, second = (
        digit_data.ShiftedBatches(data_of(images, 1), 40, seed=3) for _ in range(2)
    )
    before = first[0][1].tolist()
    assert before == second[0][1].tolist()
    first.on_epoch_end()
    assert before != first[0][1].tolist()


def test_images_move_by_at_most_the_shift_and_keep_their_ink():
    images = np.zeros((500, 7, 7), np.uint8)
    images[:, 3, 3] = 255
    batches = digit_data.ShiftedBatches(data_of(images, shift=2), 500, seed=0)
    values = batches[0][0][..., 0]
    assert ((values > 0).sum(axis=(1, 2)) == 1).all()
    _, rows, columns = np.nonzero(values > 0)
    places = set(zip(rows.tolist(), columns.tolist(), strict=True))
    assert places == {(row, column) for row in range(1, 6) for column in range(1, 6)}


def test_the_last_partial_batch_is_dropped():
    images = np.zeros((11, 2, 2), np.uint8)
    assert len(digit_data.ShiftedBatches(data_of(images, 0), 4, seed=0)) == 2
