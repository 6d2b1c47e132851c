"""Orders that begin at any batch, and the records that they read."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import write_people
from tf_sphereface.data.batches.balanced import balanced_order
from tf_sphereface.data.batches.by_identity import identity_order
from tf_sphereface.data.batches.order import shuffled_numbers
from tf_sphereface.data.batches.shuffled import shuffled_order
from tf_sphereface.data.records import index
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.training.batches import naming_damaged_records

ORDERS = {
    "uniform": functools.partial(shuffled_order, batch_size=8),
    "balanced": functools.partial(balanced_order, batch_size=8),
    "identities": functools.partial(
        identity_order, identities_per_batch=4, images_per_identity=2
    ),
}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Five identities of six crops."""
    return write_people(tmp_path_factory.mktemp("faces"), 5, 6)


@pytest.mark.parametrize("name", ORDERS)
def test_batches_from_any_number_on_are_the_same_with_their_photos(records, name):
    order = ORDERS[name](records, seed=5)
    batches = list(order.batches(contract=PixelContract()).take(7))
    later = list(order.batches(contract=PixelContract(), start=4).take(3))
    for (faces, labels), (same, labelled) in zip(batches[4:], later, strict=True):
        np.testing.assert_array_equal(faces, same)
        np.testing.assert_array_equal(labels, labelled)
    assert not np.array_equal(batches[0][0], later[0][0])
    photos = order.photos(2)
    people = [int(photo.split("/")[0].removeprefix("person ")) for photo in photos]
    assert people == batches[2][1].numpy().tolist()
    assert all(photo.endswith(".png") for photo in photos)


@pytest.mark.parametrize("size", [1, 4, 7, 10, 23])
def test_every_pass_is_a_new_order_of_all(size):
    numbers = shuffled_numbers(10, size, seed=0)
    stream = np.concatenate([next(numbers) for _ in range(50)])
    passes = stream[: len(stream) // 10 * 10].reshape(-1, 10)
    assert (np.sort(passes) == np.arange(10)).all()
    assert len({tuple(row) for row in passes}) == len(passes)
    for start in (0, 1, 13):
        later = next(shuffled_numbers(10, size, 0, start))
        np.testing.assert_array_equal(later, stream[start * size :][:size])
    assert not np.array_equal(next(shuffled_numbers(10, size + 10, 1))[:10], passes[0])


@pytest.mark.parametrize("pread", [True, False])
def test_shards_that_are_removed_meanwhile_are_read_to_the_end(
    tmp_path, monkeypatch, pread
):
    if not pread:  # as on Windows
        monkeypatch.delattr(index.os, "pread")
    records = write_people(tmp_path, 3, 4)
    order = shuffled_order(records, 6, seed=0)
    for shard in records.glob("*.tfrecord"):
        shard.unlink()
    labels = [batch[1] for batch in order.batches(contract=PixelContract()).take(2)]
    assert np.bincount(np.concatenate(labels)).tolist() == [4, 4, 4]
    with pytest.raises(InputError, match="missing shard"):
        shuffled_order(records, 6, seed=0)


def test_a_record_that_changes_meanwhile_is_named(tmp_path):
    records = write_people(tmp_path, 3, 4)
    order = shuffled_order(records, 6, seed=0)
    shard = sorted(records.glob("*.tfrecord"))[1]
    content = shard.read_bytes()
    changed = bytearray(content)
    changed[500] ^= 0x40
    shard.write_bytes(changed)
    batches = order.batches(contract=PixelContract()).take(3)
    damaged = f"damaged shard: .*{shard.name}, byte 12: a record of"
    with pytest.raises(InputError, match=damaged), naming_damaged_records(records):
        list(batches)
    # It comes and goes, as on a disk that is about to die.
    with (
        pytest.raises(InputError, match=f"and can be now: {damaged} .*; give the same"),
        naming_damaged_records(records),
    ):
        try:
            list(batches)
        except tf.errors.OpError:
            shard.write_bytes(content)
            raise
    shard.write_bytes(content[:600])
    with pytest.raises(InputError, match="truncated shard"):
        order.photos(0)
