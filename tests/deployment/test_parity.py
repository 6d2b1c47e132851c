"""Tests for tf_sphereface.deployment.parity."""

import numpy as np
import pytest

from tf_sphereface.deployment.parity import DriftError, check_drift, measure_drift


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


@pytest.mark.parametrize(
    ("variant", "inside", "outside"),
    [
        ("none", 0.99991, 0.99989),
        ("fp16", 0.99991, 0.99989),
        ("saved_model", 0.99991, 0.99989),
        ("dynamic", 0.9981, 0.9979),
        ("int8", 0.9951, 0.9949),
    ],
)
def test_bound_of_each_variant(variant, inside, outside):
    reference = embeddings()
    assert check_drift(variant, reference, turned(reference, np.arccos(inside)))
    with pytest.raises(DriftError, match=f"{variant} model drifts"):
        check_drift(variant, reference, turned(reference, np.arccos(outside)))


@pytest.mark.parametrize("variant", ["none", "fp16"])
def test_a_single_bad_crop_fails_a_float_variant(variant):
    reference, exported = embeddings(), embeddings()
    exported[7] = turned(reference, 0.1)[7]
    with pytest.raises(DriftError, match="min_cosine"):
        check_drift(variant, reference, exported)


def test_maximum_drift_replaces_the_bound_both_ways():
    reference = embeddings()
    exported = turned(reference, np.arccos(0.97))
    assert check_drift("none", reference, exported, maximum_drift=0.031)
    with pytest.raises(DriftError):
        check_drift("int8", reference, exported, maximum_drift=0.029)


def test_constant_output_fails_even_with_a_high_cosine():
    # Embeddings of an untrained network: one long common part, small differences.
    reference = embeddings() * 0.01 + 1.0
    constant = np.broadcast_to(reference.mean(axis=0), reference.shape)
    assert measure_drift(reference, constant).mean_cosine > 0.999
    with pytest.raises(DriftError, match="does not tell faces apart"):
        check_drift("dynamic", reference, constant, maximum_drift=2)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="must both be"):
        measure_drift(embeddings(crops=3), embeddings(crops=4))
    with pytest.raises(ValueError, match="must both be"):
        measure_drift(embeddings(crops=0), embeddings(crops=0))
