"""Digits to train and test on: MNIST's files, or the small ones in scikit-learn."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from idx_files import read_labelled_images
from tf_sphereface.errors import InputError

NUM_CLASSES = 10


@dataclasses.dataclass(frozen=True)
class DigitData:
    """Images of the ten digits, split once and for all.

    Attributes:
        name: What the figures call it.
        train_images, test_images: uint8 0..255 (images, height, width), ink is bright.
        train_labels, test_labels: int32 (images,), 0..9.
        shift: Pixels by which training images are moved at random, each way.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    shift: int


def load_mnist(folder: Path) -> DigitData:
    """MNIST with its own split, from the four idx files in a folder.

    Raises: InputError if a file is missing, broken or does not fit the others.
    """
    if not folder.is_dir():
        raise InputError(f"--mnist must be a folder of idx files. Received: {folder}")
    train, test = (read_labelled_images(folder, name) for name in ("train", "t10k"))
    if train[0].shape[1:] != test[0].shape[1:]:
        raise InputError(
            f"training and test images of {folder} must have one size. "
            f"Received: {train[0].shape[1:]} and {test[0].shape[1:]}"
        )
    for name, (_, labels) in (("train", train), ("t10k", test)):
        if sorted(set(labels.tolist())) != list(range(NUM_CLASSES)):
            raise InputError(f"the {name} labels of {folder} must be the digits 0 to 9")
    return DigitData("MNIST", *_typed(train), *_typed(test), shift=2)


def load_small_digits() -> DigitData:
    """The 1,797 digits of 8 x 8 pixels in scikit-learn; every class one third test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, digits.target, test_size=1 / 3, random_state=0, stratify=digits.target
    )
    return DigitData(
        "8 x 8 digits",
        *_typed((train_images, train_labels)),
        *_typed((test_images, test_labels)),
        shift=0,
    )


def network_input(images: np.ndarray) -> np.ndarray:
    """uint8 (images, height, width) to float32 (images, height, width, 1), -1..1."""
    return ((images.astype(np.float32) - 127.5) / 128.0)[..., None]


class ShiftedBatches(keras.utils.PyDataset):
    """Batches of training images in a new order, and newly moved, in each epoch.

    Args:
        data: Its training images and labels; the last, partial batch is dropped.
        batch_size: Images a batch.
        seed: Of order and shifts.
    """

    def __init__(self, data: DigitData, batch_size: int, seed: int):
        super().__init__()
        reach, (height, width) = data.shift, data.train_images.shape[1:]
        padded = np.pad(data.train_images, ((0, 0), (reach, reach), (reach, reach)))
        # (images, 2 reach + 1, 2 reach + 1, height, width), a view: every shift.
        self.shifted = np.lib.stride_tricks.sliding_window_view(
            padded, (height, width), axis=(1, 2)
        )
        self.labels = data.train_labels
        self.batch_size = batch_size
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return len(self.labels) // self.batch_size

    def __getitem__(self, index):
        chosen = slice(index * self.batch_size, (index + 1) * self.batch_size)
        rows = self.order[chosen]
        down, right = self.offsets[:, chosen]
        return network_input(self.shifted[rows, down, right]), self.labels[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.labels))
        self.offsets = self.rng.integers(
            0, self.shifted.shape[1], size=(2, len(self.labels))
        )


def _typed(part):
    images, labels = part
    return images, labels.astype(np.int32)
