"""Tests for tf_sphereface.data.batches.by_identity and record_index."""

import itertools
import logging
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_sphereface.data.batches.by_identity import identity_batches, record_numbers
from tf_sphereface.data.batches.shuffled import training_batches
from tf_sphereface.data.records.index import RecordReader, index_records
from tf_sphereface.data.records.writer import shard_paths, write_records
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

COUNTS = [5, 1, 2, 9, 4, 1, 3]  # images of each identity


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    for identity, count in enumerate(COUNTS):
        (folder / "aligned" / f"p{identity}").mkdir(parents=True)
        for number in range(count):
            crop = np.full((112, 96, 3), rng.integers(0, 256, 3), np.uint8)
            crop[:, :20] = rng.integers(0, 256, 3)
            path = folder / "aligned" / f"p{identity}" / f"{number}.png"
            Image.fromarray(crop).save(path)
    write_records(folder / "aligned", folder / "records", shards=3)
    return folder / "records"


def members(counts):
    """Record numbers 100 * label + 0, 1, ... of each label."""
    return {label: 100 * label + np.arange(count) for label, count in enumerate(counts)}


def batches(counts, identities, images, count, seed=0):
    stream = record_numbers(members(counts), identities, images, seed)
    return list(itertools.islice(stream, count))


def test_the_index_finds_every_record(records):
    index = index_records(records)
    whole = [
        content
        for path in shard_paths(records)
        for content in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    assert RecordReader(index).read(np.arange(len(whole))).tolist() == whole
    assert RecordReader(index).read(np.array([7, 2])).tolist() == [whole[7], whole[2]]
    features = [tf.train.Example.FromString(one).features.feature for one in whole]
    labels = [one["image/label"].int64_list.value[0] for one in features]
    assert index.labels.tolist() == labels
    by_label = index.records_by_label()
    assert {key: len(value) for key, value in by_label.items()} == dict(
        enumerate(COUNTS)
    )
    assert all(labels[n] == key for key, value in by_label.items() for n in value)


def test_a_damaged_or_shortened_shard_is_named(records, tmp_path):
    copy = tmp_path / "records"
    copy.mkdir()
    for path in records.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    path = shard_paths(copy)[1]
    reader = RecordReader(index_records(copy))
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"damaged shard: .*{path.name}"):
        index_records(copy)
    path.write_bytes(content[:100])
    last = np.flatnonzero(reader.index.shards == 1)[-1:]
    with pytest.raises(InputError, match=f"truncated shard: .*{path.name}"):
        reader.read(last)


@pytest.mark.parametrize(("identities", "images"), [(4, 3), (5, 2), (3, 7), (7, 4)])
def test_batches_have_p_identities_with_k_images_each(identities, images):
    counts = [5, 2, 9, 4, 3, 12, 2]
    for batch in batches(counts, identities, images, 30):
        rows = batch.reshape(identities, images)
        labels = rows // 100
        assert (labels == labels[:, :1]).all()
        assert len(set(labels[:, 0])) == identities
        for row in rows:
            available = counts[row[0] // 100]
            assert len(set(row)) == min(images, available)
            times = Counter(row.tolist()).values()
            assert max(times) - min(times) <= 1 or len(times) < available


@pytest.mark.parametrize("identities", [2, 3, 5])
def test_every_pass_has_all_identities_once_in_a_new_order(identities):
    counts = [4] * 7
    stream = np.concatenate(
        [batch[::2] // 100 for batch in batches(counts, identities, 2, 35)]
    )
    passes = stream[: len(stream) // 7 * 7].reshape(-1, 7)
    # A batch may take an identity of the next pass a little earlier, never twice.
    seen = Counter(stream.tolist()).values()
    assert max(seen) - min(seen) <= 1
    assert len({tuple(row) for row in passes}) > 1


@pytest.mark.parametrize("images", [2, 3, 5])
def test_images_come_once_before_any_comes_again(images):
    counts = [2, 7, 4]
    drawn = {label: Counter() for label in range(3)}
    for batch in batches(counts, 3, images, 40):
        for label in range(3):
            drawn[label].update(batch[batch // 100 == label].tolist())
            times = [drawn[label][100 * label + n] for n in range(counts[label])]
            assert max(times) - min(times) <= 1


def test_the_seed_decides():
    first, same, other = (batches([5, 6, 7], 2, 3, 9, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def take(records, count, **kwargs):
    arguments = {"contract": PixelContract(), "seed": 3, "mirrored": False, **kwargs}
    dataset = identity_batches(records, 4, 3, **arguments)
    return list(dataset.take(count).as_numpy_iterator())


def test_faces_are_those_of_the_records_normalised(records, caplog):
    plain = training_batches(
        records, 25, contract=PixelContract(), seed=0, mirrored=False
    )
    faces, labels = next(plain.as_numpy_iterator())
    known = {face.tobytes(): label for face, label in zip(faces, labels, strict=True)}
    assert len(known) == 25
    with caplog.at_level(logging.WARNING):
        found = take(records, 4)
    assert "2 of 7 identities have a single image" in caplog.text
    for images, labels in found:
        assert (images.shape, images.dtype) == ((12, 112, 96, 3), np.float32)
        assert labels.dtype == np.int32
        assert len(set(labels)) == 4
        assert (labels.reshape(4, 3) == labels[::3, None]).all()
        assert not {1, 5} & set(labels)  # they have a single image
        assert [known[image.tobytes()] for image in images] == labels.tolist()


def test_batches_are_reproducible_and_mirrored(records):
    first, again = take(records, 3, mirrored=True), take(records, 3, mirrored=True)
    for ours, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
    plain = np.concatenate([images for images, _ in take(records, 3)])
    images = np.concatenate([images for images, _ in first])
    same = (images == plain).all(axis=(1, 2, 3))
    flipped = (images == plain[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ flipped).all()
    assert 5 < flipped.sum() < 31


@pytest.mark.slow
def test_replicas_get_whole_identities(records):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    dataset = identity_batches(records, 4, 3, contract=PixelContract(), seed=3)
    distributed = strategy.experimental_distribute_dataset(dataset)
    _, labels = next(iter(distributed))
    shares = [share.numpy() for share in strategy.experimental_local_results(labels)]
    assert [len(share) for share in shares] == [6, 6]
    assert [len(set(share)) for share in shares] == [2, 2]


def test_too_few_identities_and_small_numbers_are_named(records):
    settings = {"contract": PixelContract(), "seed": 0}
    with pytest.raises(InputError, match="batches of 6 identities .* has 5"):
        identity_batches(records, 6, 2, **settings)
    with pytest.raises(ValueError, match="`images_per_identity` must be >= 2"):
        identity_batches(records, 2, 1, **settings)
    with pytest.raises(ValueError, match="`identities_per_batch` must be >= 1"):
        identity_batches(records, 0, 2, **settings)
