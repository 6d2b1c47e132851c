"""Tests for tf_sphereface.losses.angular_triplet."""

import math

import numpy as np
import pytest

from tf_sphereface.losses import AngularTripletLoss


def oracle(labels, embeddings, margin, measure):
    """Hinge of measure(cos) with semi-hard negatives, triplet by triplet."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    losses = []
    for anchor, label in enumerate(labels):
        distances = [measure(min(1.0, unit[anchor] @ other)) for other in unit]
        negatives = [
            d for d, other in zip(distances, labels, strict=True) if other != label
        ]
        for positive, near in enumerate(distances):
            if positive == anchor or labels[positive] != label:
                continue
            farther = [value for value in negatives if value > near]
            chosen = min(farther) if farther else max(negatives)
            losses.append(max(0.0, near - chosen + margin))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("margin", [0.2, 1.0])
def test_loss_is_the_hinge_on_angles(check_oracle, batch, margin):
    check_oracle(
        lambda dtype: AngularTripletLoss(margin, dtype=dtype),
        lambda labels, x: oracle(labels, x, margin, math.acos),
        *batch,
    )


@pytest.mark.parametrize("margin", [0.2, 1.0])
def test_cosine_form_is_the_hinge_on_cosines(check_oracle, batch, margin):
    check_oracle(
        lambda dtype: AngularTripletLoss(margin, form="cosine", dtype=dtype),
        lambda labels, x: oracle(labels, x, margin, lambda cos: -cos),
        *batch,
    )


def test_angles_are_in_radians(exact):
    degrees = np.radians([0, 30, 70, 100])
    embeddings = np.stack([np.cos(degrees), 3 * np.sin(degrees) / 3], axis=1)
    loss = AngularTripletLoss(2.0, dtype="float64")
    # Both anchors have their positive at 30 degrees; the next negative of the first is
    # at 70, of the second at 40 degrees.
    expected = np.mean(np.radians([30 - 70, 30 - 40]) + 2.0)
    value = float(loss(np.array([0, 0, 1, 2]), embeddings))
    assert value == pytest.approx(expected, rel=exact)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": 3.2}, "`margin` must be below 3.142 .* margin=3.2"),
        ({"margin": 2.0, "form": "cosine"}, "`margin` must be below 2 .* margin=2.0"),
        ({"form": "degrees"}, "`form` must be .* form='degrees'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        AngularTripletLoss(**arguments)
