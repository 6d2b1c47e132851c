"""Tests for tf_sphereface.detection.boxes."""

import numpy as np
import pytest

from tests.detection.package_arithmetic import package_rank
from tf_sphereface.detection import boxes as box_math


def overlap_by_counting(box, other, denominator):
    """Shared area of two whole-pixel boxes: paints both and counts pixels."""
    canvas = np.zeros((2, 60, 60), bool)
    for layer, (x1, y1, x2, y2) in zip(canvas, (box, other), strict=True):
        layer[y1:y2, x1:x2] = True
    both, areas = (canvas[0] & canvas[1]).sum(), canvas.sum(axis=(1, 2))
    union = (canvas[0] | canvas[1]).sum()
    return both / (union if denominator == "union" else areas.min())


def random_boxes(count, seed=0):
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 40, (count, 2))
    return np.concatenate([corners, corners + rng.integers(1, 20, (count, 2))], axis=1)


@pytest.mark.parametrize("denominator", ["union", "smaller"])
def test_overlap_is_the_share_of_painted_pixels(denominator):
    boxes, others = random_boxes(12, 1), random_boxes(9, 2)
    actual = box_math.overlap(boxes, others, denominator)
    expected = [[overlap_by_counting(a, b, denominator) for b in others] for a in boxes]
    np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_empty_box_overlaps_nothing():
    boxes = np.array([[3.0, 3, 3, 3], [0, 0, 9, 9]])
    assert box_math.overlap(boxes, boxes, "smaller")[0].tolist() == [0, 0]


@pytest.mark.parametrize("count", [0, 1, 40, 1300])  # one block has 512 boxes
def test_suppressed_are_those_that_overlap_a_better_box(count):
    boxes = random_boxes(count).astype(float)
    scores = np.random.default_rng(3).permutation(count) / max(count, 1)
    kept = box_math.suppress(boxes, scores, 0.4)
    clash = box_math.overlap(boxes, boxes) > 0.4
    better = scores[None, :] > scores[:, None]
    expected = np.nonzero(~(clash & better).any(axis=1))[0]
    assert sorted(kept.tolist()) == expected.tolist()
    assert (np.diff(scores[kept]) < 0).all()


def test_equal_scores_keep_the_first():
    boxes = np.array([[0.0, 0, 10, 10]] * 3)
    assert box_math.suppress(boxes, np.ones(3), 0.5).tolist() == [0]


def test_offsets_move_corners_by_fractions_of_the_size():
    refined = box_math.refine(
        np.array([[10.0, 20, 19, 39]]), np.array([[0.1, 0.2, -0.1, 0.5]])
    )
    np.testing.assert_allclose(refined, [[11, 24, 18, 49]])  # 10 wide, 20 high


def test_squares_keep_the_centre_and_the_longer_side():
    squares = box_math.to_squares(np.array([[0.0, 0, 10, 30], [5, 5, 25, 15]]))
    np.testing.assert_allclose(squares, [[-10, 0, 20, 30], [5, 0, 25, 20]])


@pytest.mark.parametrize("count", [5, 2000])
def test_package_ranks_equal_scores_as_the_package_does(count):
    from mtcnn.utils.bboxes import sort_by_scores

    scores = np.random.default_rng(3).integers(0, 4, count).astype(np.float32) / 4
    rows = np.stack([np.arange(count), scores], axis=1)
    theirs = sort_by_scores(rows, scores=rows[:, 1], ascending=False)
    assert len(np.unique(scores)) < count
    np.testing.assert_array_equal(package_rank(scores), theirs[:, 0])


def test_best_of_equal_scores_is_the_first_unless_ranked_otherwise():
    boxes, scores = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10]]), np.ones(2)
    assert box_math.suppress(boxes, scores, 0.5).tolist() == [0]
    kept = box_math.suppress(boxes, scores, 0.5, rank=package_rank)
    assert kept.tolist() == [1]
