"""Tests for tf_sphereface.data.batches.balanced."""

import itertools
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.batches.balanced import balanced_batches, balanced_numbers
from tf_sphereface.data.records.writer import write_records
from tf_sphereface.preprocessing import PixelContract

COUNTS = [12, 1, 3, 7, 2]  # images of each identity


def take(batch_size, count, seed=0):
    """Batches of record numbers 100 * label + 0, 1, ..."""
    members = {label: 100 * label + np.arange(n) for label, n in enumerate(COUNTS)}
    return list(itertools.islice(balanced_numbers(members, batch_size, seed), count))


@pytest.mark.parametrize("batch_size", [1, 3, 5, 12])
def test_every_pass_sees_each_identity_once(batch_size):
    numbers = np.concatenate(take(batch_size, 60))
    passes = numbers[: len(numbers) // 5 * 5].reshape(-1, 5) // 100
    assert (np.sort(passes, axis=1) == np.arange(5)).all()
    assert len({tuple(row) for row in passes}) > 1  # in a new order


def test_images_come_once_before_any_comes_again():
    drawn = Counter()
    for number in np.concatenate(take(4, 90)).tolist():
        drawn[number] += 1
        label = number // 100
        times = [drawn[100 * label + image] for image in range(COUNTS[label])]
        assert max(times) - min(times) <= 1
    assert {number // 100 for number in drawn} == set(range(5))


def test_the_seed_decides():
    first, same, other = (take(6, 8, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_batches_have_balanced_labels_and_their_own_faces(tmp_path):
    for label, count in enumerate(COUNTS):
        folder = tmp_path / "aligned" / f"p{label}"
        folder.mkdir(parents=True)
        for number in range(count):
            crop = Image.new("RGB", (96, 112), (50 * label, 20 * number, 7))
            crop.save(folder / f"{number}.png")
    write_records(tmp_path / "aligned", tmp_path / "records", shards=2)
    dataset = balanced_batches(
        tmp_path / "records", 8, contract=PixelContract(), seed=3, mirrored=False
    )
    batches = list(dataset.take(10).as_numpy_iterator())
    labels = np.concatenate([labels for _, labels in batches])
    assert np.bincount(labels).tolist() == [16] * 5  # 80 faces, 25 images
    reds = np.concatenate([faces[:, 0, 0, 0] for faces, _ in batches])
    np.testing.assert_array_equal(reds * 128 + 127.5, 50 * labels)
