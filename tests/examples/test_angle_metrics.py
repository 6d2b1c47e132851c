"""Tests for examples.angle_metrics, against cases solved by hand."""

import numpy as np
import pytest

import angle_metrics


def on_circle(degrees, lengths=1.0):
    theta = np.radians(degrees)
    return np.asarray(lengths)[..., None] * np.stack(
        [np.cos(theta), np.sin(theta)], axis=1
    )


# Class 4 around 20 degrees, class 7 around 90: centres at 20 and 90.
DEGREES = [10, 30, 85, 95]
LENGTHS = [1, 9, 0.1, 3]  # which must not count
LABELS = np.array([4, 4, 7, 7])
EMBEDDINGS = on_circle(DEGREES, LENGTHS)


def test_centers_are_mean_directions_in_the_order_of_labels():
    centers = angle_metrics.class_centers(EMBEDDINGS[::-1], LABELS[::-1])
    np.testing.assert_allclose(centers, on_circle([20, 90]), atol=1e-12)


def test_intra_class_angle_is_the_mean_over_images():
    # 10, 10, 5 and 5 degrees from their own centre
    actual = angle_metrics.intra_class_angle(EMBEDDINGS, LABELS)
    assert actual == pytest.approx(7.5)
    # a third image at the centre of class 7: the mean is over images, not classes
    more = np.vstack([EMBEDDINGS, on_circle([90])])
    actual = angle_metrics.intra_class_angle(more, np.append(LABELS, 7))
    assert actual == pytest.approx(30 / 5)


def test_inter_class_angle_is_the_smallest_between_centers():
    embeddings = on_circle([0, 120, 200, 300])  # gaps of 120, 80, 100, 60
    labels = np.arange(4)
    assert angle_metrics.inter_class_angle(embeddings, labels) == pytest.approx(60)
    assert angle_metrics.inter_class_angle(EMBEDDINGS, LABELS) == pytest.approx(70)


def test_pair_angles_count_each_pair_once():
    pairs = angle_metrics.pair_angles(EMBEDDINGS + 1e-9, LABELS)
    # genuine: 20 and 10 degrees; impostor: 75, 85, 55, 65
    assert pairs.genuine.sum() == 2 and pairs.impostor.sum() == 4
    assert pairs.genuine_mean == pytest.approx(15, abs=1e-5)
    assert pairs.impostor_mean == pytest.approx(70, abs=1e-5)


def test_pairs_fall_into_whole_degrees():
    pairs = angle_metrics.pair_angles(on_circle([0, 1.5, 180]), np.array([0, 0, 1]))
    assert np.flatnonzero(pairs.genuine).tolist() == [1]
    assert np.flatnonzero(pairs.impostor).tolist() == [178, 179]


def test_blocks_of_rows_give_what_all_pairs_at_once_give(monkeypatch):
    rng = np.random.default_rng(2)
    embeddings, labels = rng.normal(size=(40, 3)), rng.integers(0, 4, 40)
    monkeypatch.setattr(angle_metrics, "_ROWS", 7)
    pairs = angle_metrics.pair_angles(embeddings, labels)
    genuine, impostor = [], []
    for first in range(40):
        for second in range(first):
            a, b = embeddings[first], embeddings[second]
            cosine = a @ b / np.sqrt((a @ a) * (b @ b))
            kind = genuine if labels[first] == labels[second] else impostor
            kind.append(np.degrees(np.arccos(cosine)))
    assert pairs.genuine_mean == pytest.approx(np.mean(genuine))
    assert pairs.impostor_mean == pytest.approx(np.mean(impostor))
    expected, _ = np.histogram(impostor, bins=np.arange(181))
    np.testing.assert_array_equal(pairs.impostor, expected)


def test_no_genuine_pair_is_nan():
    pairs = angle_metrics.pair_angles(on_circle([0, 50]), np.array([0, 1]))
    assert np.isnan(pairs.genuine_mean) and pairs.impostor_mean == pytest.approx(50)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_an_embedding_without_direction_is_refused(bad):
    with pytest.raises(ValueError, match="`vectors` must be finite and not zero"):
        angle_metrics.unit_rows([[1.0, 0.0], [bad, 0.0]])
