"""Parts of batches, that several processes read, are together the whole batch."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import write_people
from tf_sphereface.data.batches.balanced import balanced_batches
from tf_sphereface.data.batches.by_identity import identity_batches
from tf_sphereface.data.batches.shares import Share
from tf_sphereface.data.batches.shuffled import shuffled_order, training_batches
from tf_sphereface.preprocessing import PixelContract

BATCHES = {
    "uniform": lambda *a, **k: training_batches(*a, 8, **k),
    "balanced": lambda *a, **k: balanced_batches(*a, 8, **k),
    "identities": lambda *a, **k: identity_batches(*a, 4, 2, **k),
}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Five identities of six crops."""
    return write_people(tmp_path_factory.mktemp("faces"), 5, 6)


@pytest.mark.quick_cases("identities")
@pytest.mark.parametrize("name", BATCHES)
def test_shares_are_the_batch_in_its_order_and_mirrored_alike(records, name):
    settings = {"contract": PixelContract(), "seed": 3, "start": 2}
    whole = list(BATCHES[name](records, **settings).take(3))
    parts = [
        list(BATCHES[name](records, share=Share(index, 4), **settings).take(3))
        for index in range(4)
    ]
    for number, (faces, labels) in enumerate(whole):
        assert parts[0][number][0].shape == (2, 112, 96, 3)
        at = [part[number] for part in parts]
        together = [np.concatenate(part) for part in zip(*at, strict=True)]
        np.testing.assert_array_equal(together[0], faces)
        np.testing.assert_array_equal(together[1], labels)


def test_a_share_reads_its_own_records_alone(records, monkeypatch):
    order, read = shuffled_order(records, 8, seed=0), []
    reading = order.reader.read
    monkeypatch.setattr(
        order.reader, "read", lambda numbers: read.extend(numbers) or reading(numbers)
    )
    next(iter(order.batches(contract=PixelContract(), share=Share(1, 2))))
    assert set(next(order.numbers(0))[4:]) <= set(read)
    assert not set(next(order.numbers(0))[:4]) & set(read[:4])


def test_augmentation_is_another_for_each_share(records):
    def seeds(share):
        batches = training_batches(
            records,
            8,
            contract=PixelContract(),
            seed=3,
            augmentation=lambda faces, seed: (
                faces * 0 + tf.random.stateless_uniform((), seed, 0.0, 255.0)
            ),
            share=share,
        )
        return float(next(iter(batches))[0][0, 0, 0, 0])

    assert len({seeds(Share(index, 4)) for index in range(4)}) == 4
    assert seeds(Share(1, 4)) == seeds(Share(1, 4))


@pytest.mark.parametrize(("index", "count"), [(2, 2), (-1, 2), (0, 0)])
def test_there_must_be_such_a_share(index, count):
    with pytest.raises(ValueError, match="`index` must be in"):
        Share(index, count)


def test_a_batch_must_be_parted_equally(records):
    with pytest.raises(ValueError, match="a multiple of the 3 shares. .*batch_size=8"):
        training_batches(
            records, 8, contract=PixelContract(), seed=0, share=Share(0, 3)
        )
