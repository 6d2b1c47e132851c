"""Tests for tf_sphereface.evaluation.rates.top_scores and similarity.

Every oracle here has all scores in memory and counts them in plain loops.
"""

import math

import numpy as np
import pytest

from tf_sphereface import similarity
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.rates.thresholds import tar_at_far
from tf_sphereface.evaluation.rates.top_scores import (
    ImpostorTally,
    TopScores,
    Trials,
    rates_at_fars,
)
from tf_sphereface.similarity import scan_scores, unit_rows


class AllScores:
    """Keeps every tile."""

    def __init__(self):
        self.tiles = []

    def add(self, scores, first_row):
        self.tiles.append((first_row, scores.copy()))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("others", [1, 2048, 5000])
def test_tiles_hold_every_score_once(threads, others):
    rng = np.random.default_rng(0)
    probes = unit_rows(rng.normal(size=(700, 5)))
    strangers = rng.normal(size=(others, 5)).astype(np.float32)
    consumers = [AllScores() for _ in range(threads)]
    assert scan_scores(probes, strangers, consumers) == others
    lengths = np.linalg.norm(strangers.astype(float), axis=1)
    expected = (probes.astype(float) @ strangers.T.astype(float)) / lengths
    tiles = [tile for consumer in consumers for tile in consumer.tiles]
    for first in {first for first, _ in tiles}:
        parts = [scores for row, scores in tiles if row == first]
        found = np.sort(np.concatenate(parts, axis=1), axis=1)
        wanted = np.sort(expected[first : first + len(found)], axis=1)
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert sum(scores.size for _, scores in tiles) == 700 * others


def test_tiles_are_small_and_a_memory_map_will_do(tmp_path):
    """A file of 40,000 rows is read in pieces of 2,048 rows, never as a whole."""
    np.save(tmp_path / "others.npy", np.ones((40_000, 3), np.float16))
    reads = []

    class Spy:
        def __init__(self, array):
            self.array, self.shape, self.ndim = array, array.shape, array.ndim

        def __len__(self):
            return len(self.array)

        def __getitem__(self, rows):
            reads.append(rows.stop - rows.start)
            return self.array[rows]

    consumer = AllScores()
    others = np.load(tmp_path / "others.npy", mmap_mode="r")
    scan_scores(unit_rows(np.ones((600, 3))), Spy(others), [consumer])
    assert max(reads) == similarity.TILE_COLUMNS == 2048
    assert max(scores.size for _, scores in consumer.tiles) <= 512 * 2048


def test_rows_that_are_not_finite_are_left_out():
    others = np.ones((3000, 2))
    others[[0, 2047, 2999]] = [[np.nan, 1], [np.inf, 1], [np.nan, np.nan]]
    consumer = AllScores()
    assert scan_scores(unit_rows(np.ones((4, 2))), others, [consumer]) == 2997
    assert all(np.isfinite(scores).all() for _, scores in consumer.tiles)


def test_all_rows_missing_give_no_tile():
    consumer = AllScores()
    missing = np.full((10, 2), np.nan)
    assert scan_scores(unit_rows(np.ones((4, 2))), missing, [consumer]) == 0
    assert consumer.tiles == []


def test_embeddings_of_another_size_are_refused():
    with pytest.raises(InputError, match=r"one size.*\(2, 3\) and \(5, 4\)"):
        scan_scores(np.ones((2, 3), np.float32), np.ones((5, 4)), [AllScores()])


@pytest.mark.parametrize("capacity", [1, 7, 100, 5000])
def test_largest_scores_are_those_of_a_full_sort(capacity):
    # Rounded, so that many are equal, also at the edge of what is kept.
    scores = np.random.default_rng(1).normal(size=(40, 83)).round(1).astype(np.float32)
    top = TopScores(capacity)
    for part in np.split(np.clip(scores, -1, 1), 20):
        top.add(part)
    expected = sorted(np.clip(scores, -1, 1).ravel().tolist(), reverse=True)
    assert top.falling().tolist() == expected[:capacity]


def test_no_score_is_kept_for_no_target():
    top = TopScores(0)
    top.add(np.ones(5, np.float32))
    assert top.falling().size == 0


def simulated_trials(rng, probes=30, strangers=400):
    """Scores on a grid of 0.01: ties everywhere. Some probes have no trial."""
    trial_probe = rng.integers(0, probes - 3, size=60)
    trial_scores = rng.uniform(-1, 1, size=60).round(2).astype(np.float32)
    scores = rng.uniform(-1, 1, size=(probes, strangers)).round(2).astype(np.float32)
    scores[:, :5], trial_scores[:5] = 0.0, -0.0
    return trial_probe, trial_scores, scores


@pytest.mark.parametrize("max_rank", [1, 5, 1000])
def test_ranks_are_those_of_plain_counting(max_rank):
    rng = np.random.default_rng(2)
    trial_probe, trial_scores, scores = simulated_trials(rng)
    tally = ImpostorTally(Trials(trial_probe, trial_scores, 30), max_rank, TopScores(0))
    for rows in (slice(0, 16), slice(16, 30)):
        for columns in range(0, 400, 37):
            tally.add(scores[rows, columns : columns + 37], rows.start)
    for trial, above in enumerate(tally.above()):
        row = scores[trial_probe[trial]].tolist()
        expected = sum(score >= trial_scores[trial] for score in row)
        assert above == expected if expected < max_rank else above >= max_rank
    np.testing.assert_array_equal(tally.best, scores.max(axis=1))


def test_keys_do_not_confuse_scores_a_last_bit_apart():
    """Float32 next to each other near 0, for a probe with a high number."""
    tiny = np.float32(1e-9)
    above = np.nextafter(tiny, np.float32(1))
    trials = Trials(np.array([900_000]), np.array([above]), 900_001)
    tally = ImpostorTally(trials, 10, TopScores(0))
    tally.add(np.array([[tiny, above, -above]], np.float32), 900_000)
    assert tally.above().tolist() == [1]


@pytest.mark.parametrize("decimals", [1, 6])
@pytest.mark.parametrize("far", [1.0, 0.3, 0.1, 0.01, 0.002])
def test_rates_are_those_of_all_pairs(far, decimals):
    rng = np.random.default_rng(3)
    genuine = rng.normal(0.5, 0.3, 200).round(decimals).astype(np.float32)
    impostor = rng.normal(0.0, 0.3, 500).round(decimals).astype(np.float32)
    falling = np.sort(impostor)[::-1][: int(far * 500) + 1]
    point = rates_at_fars(genuine, falling, 500, [far])[far]
    scores = np.concatenate([genuine, impostor])
    same = np.arange(700) < 200
    assert point.tar == pytest.approx(tar_at_far(scores, same, far))
    # At the threshold the rates are what was promised.
    assert np.mean(genuine >= point.threshold) == pytest.approx(point.tar)
    assert np.mean(impostor >= point.threshold) == pytest.approx(point.far)
    assert point.far <= far + 1e-9


def test_rate_by_hand():
    """Impostors 0.9 0.8 0.8 0.1: FAR 1/4 allows one, so the threshold is above 0.8.

    Of the genuine scores 0.95, 0.85, 0.8 and a missing one, two are above 0.8.
    """
    genuine = [0.95, 0.85, 0.8, -np.inf]
    point = rates_at_fars(genuine, np.array([0.9, 0.8, 0.8, 0.1]), 4, [0.25])[0.25]
    assert (point.tar, point.far) == (0.5, 0.25)
    assert point.threshold == pytest.approx(0.85)


def test_rates_that_the_sample_cannot_support_are_nan():
    falling = np.array([0.9, 0.5], np.float32)
    points = rates_at_fars([0.7], falling, 1000, [1e-4, 1e-3, 1e-2])
    assert [np.isnan(point.tar) for point in points.values()] == [True, False, True]
    assert np.isnan(rates_at_fars([], falling, 2, [0.5])[0.5].tar)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e200, 1e307])
def test_rows_in_float64_keep_their_digits(scale):
    rows = np.random.default_rng(5).normal(size=(6, 4))
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    actual = unit_rows(scale * rows)
    assert actual.dtype == np.float64
    np.testing.assert_allclose(actual, expected, rtol=1e-14)


@pytest.mark.parametrize("scale", [0, 1e-30, 1, 1e30])
def test_one_row_becomes_a_unit_row(scale):
    actual = unit_rows(np.array([3, 4], np.float32) * np.float32(scale))
    np.testing.assert_allclose(actual, [0.6, 0.8] if scale else [0, 0], rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-44, 1e-25, 1.0, 1e25, 3e38])
def test_rows_of_any_length_become_unit_rows(scale):
    rows = np.float32(scale) * np.array([[0, 1, 0], [1, 0, 1], [0, 0, 0]], np.float32)
    half = math.sqrt(0.5)
    expected = [[0, 1, 0], [half, 0, half], [0, 0, 0]]
    np.testing.assert_allclose(unit_rows(rows), expected, rtol=1e-6)
    consumer = AllScores()
    assert scan_scores(np.eye(3, dtype=np.float32), rows, [consumer]) == 3
    [(_, scores)] = consumer.tiles
    np.testing.assert_allclose(scores, np.transpose(expected), rtol=1e-6)
