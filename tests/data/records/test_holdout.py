"""Tests for people held out of records."""

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.aligned.crops import read_crop, select_crops
from tf_sphereface.data.records import writer as records_module
from tf_sphereface.data.records.holdout import hold_out
from tf_sphereface.data.records.writer import read_manifest, write_records
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import make_pairs

PEOPLE, IMAGES = 10, 4


@pytest.fixture
def aligned(tmp_path):
    for person in range(PEOPLE):
        (tmp_path / "aligned" / f"p{person}").mkdir(parents=True)
        for number in range(IMAGES):
            crop = Image.new("RGB", (96, 112), (20 * person, 40 * number, 9))
            crop.save(tmp_path / "aligned" / f"p{person}" / f"{number}.jpg")
    return tmp_path / "aligned"


def crops_of(folder):
    return {f"{path.parent.name}/{path.name}" for path in folder.glob("*/*")}


@pytest.mark.parametrize(("holdout", "people"), [(3, 3), (0.4, 4), (0.25, 2)])
def test_nobody_is_on_both_sides_and_nobody_is_lost(aligned, tmp_path, holdout, people):
    out = tmp_path / "records"
    summary = write_records(aligned, out, 2, holdout_identities=holdout)
    trained = set(read_manifest(out).identities)
    held = {path.name for path in (out / "holdout").iterdir()}
    assert (summary.holdout_identities, len(held)) == (people, people)
    assert summary.holdout_crops == people * IMAGES
    assert not trained & held
    assert trained | held == {f"p{person}" for person in range(PEOPLE)}
    assert summary.records == (PEOPLE - people) * IMAGES
    for name in crops_of(out / "holdout"):
        assert (out / "holdout" / name).read_bytes() == (aligned / name).read_bytes()


def test_pairs_can_be_drawn_from_the_people_held_out(aligned, tmp_path):
    out = tmp_path / "records"
    write_records(aligned, out, 2, holdout_identities=4)
    pairs = make_pairs(out / "holdout", folds=2, pairs_per_fold=3)
    assert len(pairs.pairs) == 12


def test_seed_decides_and_a_newcomer_displaces_one_at_most(aligned):
    chosen = select_crops(aligned)

    def held(selection, seed):
        _, crops = hold_out(selection, 4, seed)
        return {name.split("/")[0] for name in crops}

    assert held(chosen, 1) == held(chosen, 1)
    assert len({frozenset(held(chosen, seed)) for seed in range(5)}) > 1
    (aligned / "p3").rename(aligned / "newcomer")
    fewer = held(select_crops(aligned, exclude=["newcomer"]), 1)
    more = held(select_crops(aligned), 1)
    assert len(more - fewer) <= 1


@pytest.mark.parametrize("holdout", [0, 1, 9, 10, -3, 0.0, 1.0, 0.99, 0.01])
def test_two_people_must_be_on_each_side(aligned, tmp_path, holdout):
    with pytest.raises(InputError, match=f"Received: {holdout}$"):
        write_records(aligned, tmp_path / "records", 1, holdout_identities=holdout)
    assert not (tmp_path / "records").exists()


class Counted(bytes):
    """Bytes that know how many of their kind are alive."""

    alive = most = 0

    def __init__(self, *_):
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self):
        Counted.alive -= 1


def test_shuffle_is_global_and_holds_one_crop_at_a_time(aligned, tmp_path, monkeypatch):
    order = []

    def counted(path, height, width):
        order.append(int(path.parent.name[1:]))
        return Counted(read_crop(path, height, width))

    monkeypatch.setattr(records_module, "read_crop", counted)
    write_records(aligned, tmp_path / "records", 4)
    assert len(order) == PEOPLE * IMAGES
    assert Counted.most <= 2  # the one being written, and the next
    # Each shard of 10 draws from all 40: far from sorted, on the average the middle.
    shards = np.reshape(order, (4, 10))
    assert all(len(set(shard)) >= 5 for shard in shards.tolist())
    assert abs(np.corrcoef(np.arange(40), order)[0, 1]) < 0.4
