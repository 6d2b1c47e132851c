"""Tests for tf_sphereface.deployment.parity.drift."""

import numpy as np
import pytest

from tf_sphereface.deployment.parity.drift import (
    DriftError,
    check_exact,
    measure_drift,
    rank_agreement,
    wiring_failures,
)


def embeddings(seed=0, crops=40):
    return np.random.default_rng(seed).normal(size=(crops, 8))


def turned(rows, angle):
    """Each row turned by `angle` radians towards a direction at right angles to it."""
    rng = np.random.default_rng(1)
    other = rng.normal(size=rows.shape)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    other -= rows * (rows * other).sum(axis=1, keepdims=True) / norm**2
    other *= norm / np.linalg.norm(other, axis=1, keepdims=True)
    return np.cos(angle) * rows + np.sin(angle) * other


def test_statistics_are_those_of_the_cosines():
    reference = embeddings(crops=3)
    exported = np.stack(
        [turned(reference, angle)[row] for row, angle in enumerate((0.0, 0.3, 1.0))]
    )
    cosines = np.cos([0.0, 0.3, 1.0])
    drift = measure_drift(reference, 7 * exported)
    assert drift.mean_cosine == pytest.approx(cosines.mean())
    assert drift.min_cosine == pytest.approx(cosines.min())
    assert drift.p01_cosine == pytest.approx(np.percentile(cosines, 1))
    assert drift.crops == 3


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_unusable_embedding_counts_as_cosine_zero(value):
    exported = embeddings()
    exported[4] = value
    assert measure_drift(embeddings(), exported).min_cosine == 0


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="with a crop"):
        measure_drift(embeddings(), embeddings(crops=39))
    with pytest.raises(ValueError, match="with a crop"):
        measure_drift(np.zeros((0, 8)), np.zeros((0, 8)))


@pytest.mark.parametrize(("angle", "passes"), [(0.0141, True), (0.0142, False)])
def test_exact_file_is_held_to_its_least_cosine(angle, passes):
    # cos(sqrt(2e-4)) = 0.9999
    exported = embeddings()
    exported[7] = turned(embeddings(), angle)[7]
    if passes:
        assert check_exact("float", embeddings(), exported).crops == 40
    else:
        with pytest.raises(DriftError, match="float model drifts.*0.9998"):
            check_exact("float", embeddings(), exported)


def test_file_that_ignores_its_input_is_not_the_same_network():
    reference = 100 + embeddings()  # all point one way, as of an untrained network
    constant = np.repeat(reference.mean(axis=0, keepdims=True), 40, axis=0)
    assert measure_drift(reference, constant).min_cosine > 0.999
    (failure,) = wiring_failures(reference, constant)
    assert "cosine about the mean face 0.000" in failure
    assert wiring_failures(reference, reference) == ()
    with pytest.raises(DriftError, match="not the same network"):
        check_exact("float", reference, constant, least=0.99)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_one_unusable_embedding_is_enough_to_fail(value):
    exported = embeddings(crops=400)
    exported[3] = value
    assert measure_drift(embeddings(crops=400), exported).mean_cosine > 0.997
    (failure,) = wiring_failures(embeddings(crops=400), exported)
    assert failure == "1 of 400 embeddings are zero or not finite"


def test_rank_agreement_counts_nearest_faces():
    angles = np.array([0, 90, 180, 10, 100, 170])  # degrees; gallery, then probes
    reference = np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], 1)
    people = np.array([0, 1, 2, 0, 1, 2])
    shifted = np.radians(np.array([0, 90, 180, 80, 100, 170]))
    exported = 3 * np.stack([np.cos(shifted), np.sin(shifted)], 1)
    agreement = rank_agreement(reference, exported, people)
    assert agreement.same_gallery == agreement.float_gallery == pytest.approx(2 / 3)
    assert (agreement.probes, agreement.gallery) == (3, 3)


def test_rank_agreement_tells_the_galleries_apart():
    rng = np.random.default_rng(4)
    reference, people = rng.normal(size=(40, 8)), np.arange(40) // 2
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    agreement = rank_agreement(reference, reference @ turn, people)
    assert agreement.same_gallery == 1  # all were turned alike
    assert agreement.float_gallery < 0.5


def test_rank_agreement_needs_probes_and_people():
    assert rank_agreement(embeddings(), embeddings(), np.arange(40)) is None
    assert rank_agreement(embeddings(), embeddings(), np.zeros(40, int)) is None
