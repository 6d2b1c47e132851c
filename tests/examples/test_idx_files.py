"""Tests for examples.idx_files, against bytes written by hand."""

import gzip

import numpy as np
import pytest

import idx_files
from tf_sphereface.errors import InputError

# Two images of two rows and three columns, and their labels.
IMAGES = bytes.fromhex(
    "00000803 00000002 00000002 00000003" + "000102 030405" + "fafbfc fdfeff"
)
LABELS = bytes.fromhex("00000801 00000002 0709")
READ = [[[0, 1, 2], [3, 4, 5]], [[250, 251, 252], [253, 254, 255]]]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(IMAGES)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(LABELS)
    return tmp_path


def test_images_and_labels_are_read_as_written(folder):
    images, labels = idx_files.read_labelled_images(folder, "train")
    assert images.tolist() == READ and images.dtype == np.uint8
    assert labels.tolist() == [7, 9]


def test_gzipped_files_are_read_under_the_same_name(folder):
    path = folder / "train-images-idx3-ubyte"
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    images, _ = idx_files.read_labelled_images(folder, "train")
    assert images.tolist() == READ


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "magic 00000803. Received: nothing"),
        (b"\x00\x00\x08", "magic 00000803. Received: 000008"),
        (LABELS, "magic 00000803. Received: 00000801"),
        (b"\x89PNG" + IMAGES, "magic 00000803. Received: 89504e47"),
        (IMAGES[:10], "cut off in its header of 16 bytes"),
        (IMAGES[:-1], r"12 bytes after its header, .* Received: 11"),
        (IMAGES + b"\x00", r"12 bytes after its header, .* Received: 13"),
    ],
)
def test_a_broken_file_is_named(folder, content, message):
    (folder / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(InputError, match=f"images-idx3-ubyte .*{message}"):
        idx_files.read_labelled_images(folder, "train")


@pytest.mark.parametrize("keep", [9, -3])
def test_a_gzip_file_that_is_cut_off_is_named(folder, keep):
    path = folder / "train-images-idx3-ubyte"
    zipped = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_name(path.name + ".gz").write_bytes(zipped[:keep])
    with pytest.raises(InputError, match="is not a whole gzip file"):
        idx_files.read_labelled_images(folder, "train")


def test_a_file_that_is_not_gzip_is_named(folder):
    path = folder / "train-images-idx3-ubyte"
    path.rename(path.with_name(path.name + ".gz"))
    with pytest.raises(InputError, match=r"ubyte\.gz is not a whole gzip file"):
        idx_files.read_labelled_images(folder, "train")


def test_a_missing_file_is_named(folder):
    with pytest.raises(InputError, match="no file .*t10k-images-idx3-ubyte or "):
        idx_files.read_labelled_images(folder, "t10k")


def test_as_many_labels_as_images_are_asked_for(folder):
    labels = bytes.fromhex("00000801 00000003 070901")
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    with pytest.raises(InputError, match="Received: 2 images, 3 labels"):
        idx_files.read_labelled_images(folder, "train")


def test_an_empty_part_is_refused(folder):
    header = bytes.fromhex("00000803 00000000 00000002 00000003")
    (folder / "train-images-idx3-ubyte").write_bytes(header)
    (folder / "train-labels-idx1-ubyte").write_bytes(bytes.fromhex("0000080100000000"))
    with pytest.raises(InputError, match="Received: 0 images, 0 labels"):
        idx_files.read_labelled_images(folder, "train")
