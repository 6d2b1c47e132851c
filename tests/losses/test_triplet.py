"""Tests for tf_sphereface.losses.triplet."""

import math

import numpy as np
import pytest

from tf_sphereface.losses import TripletHardLoss, TripletSemiHardLoss


def distances(embeddings, squared, normalize):
    """Distances of all pairs, as rows of numbers."""
    if normalize:
        embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    lengths = np.linalg.norm(embeddings[:, None] - embeddings, axis=2)
    return (lengths**2 if squared else lengths).tolist()


def semi_hard(labels, embeddings, margin, squared, normalize):
    """FaceNet's loss, triplet by triplet."""
    count, labels, losses = len(labels), labels.tolist(), []
    between = distances(embeddings, squared, normalize)
    for anchor in range(count):
        negatives = [
            between[anchor][other]
            for other in range(count)
            if labels[other] != labels[anchor]
        ]
        for positive in range(count):
            if positive == anchor or labels[positive] != labels[anchor]:
                continue
            if not negatives:
                continue
            near = between[anchor][positive]
            farther = [value for value in negatives if value > near]
            chosen = min(farther) if farther else max(negatives)
            losses.append(max(0.0, near - chosen + margin))
    return sum(losses) / len(losses) if losses else 0.0


def batch_hard(labels, embeddings, loss, squared, normalize):
    """Hermans et al.: the hardest positive and negative of each anchor."""
    losses, between = [], distances(embeddings, squared, normalize)
    for anchor, label in enumerate(labels):
        pairs = {True: [], False: []}
        for other in range(len(labels)):
            if other != anchor:
                pairs[bool(labels[other] == label)].append(between[anchor][other])
        if pairs[True] and pairs[False]:
            losses.append(loss(max(pairs[True]) - min(pairs[False])))
    return sum(losses) / len(losses) if losses else 0.0


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("margin", [0.2, 0.9])
def test_semi_hard_loss_is_facenets(check_oracle, batch, margin, squared, normalize):
    check_oracle(
        lambda dtype: TripletSemiHardLoss(margin, squared, normalize, dtype=dtype),
        lambda labels, x: semi_hard(labels, x, margin, squared, normalize),
        *batch,
    )


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
def test_batch_hard_loss_is_that_of_hermans(check_oracle, batch, squared, normalize):
    check_oracle(
        lambda dtype: TripletHardLoss(
            0.3, squared=squared, normalize=normalize, dtype=dtype
        ),
        lambda labels, x: batch_hard(
            labels, x, lambda gap: max(0.0, gap + 0.3), squared, normalize
        ),
        *batch,
    )


def test_soft_batch_hard_loss_is_that_of_hermans(check_oracle, batch):
    check_oracle(
        lambda dtype: TripletHardLoss(soft=True, dtype=dtype),
        lambda labels, x: batch_hard(
            labels, x, lambda gap: math.log(1 + math.exp(gap)), False, True
        ),
        *batch,
    )


def line(*places):
    """Embeddings on a line, so that distances can be read off."""
    return np.array([[place, 0.0] for place in places])


def test_the_nearest_of_the_farther_negatives_is_chosen():
    loss = TripletSemiHardLoss(10.0, squared=False, normalize=False, dtype="float64")
    # Anchor 0, positive 3: negatives at 1 (nearer), 4 and 6. Anchor 3, positive 0:
    # distances 2, 1 and 3, the positive at 3, so that none is farther: the farthest.
    labels, embeddings = np.array([0, 0, 1, 2, 3]), line(0, 3, 1, 4, 6)
    expected = ((3 - 4 + 10) + (3 - 3 + 10)) / 2
    assert float(loss(labels, embeddings)) == pytest.approx(expected)


def test_a_negative_as_near_as_the_positive_is_not_farther():
    loss = TripletSemiHardLoss(10.0, squared=False, normalize=False, dtype="float64")
    labels, embeddings = np.array([0, 0, 1, 2]), line(0, 2, -2, 5)
    # Anchor 0: the negatives are at 2, which is a tie, and 5. Anchor 2: at 4 and 3.
    expected = ((2 - 5 + 10) + (2 - 3 + 10)) / 2
    assert float(loss(labels, embeddings)) == pytest.approx(expected)


def test_a_large_batch_agrees_with_all_triplets(exact):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 12, 120)
    embeddings = rng.normal(size=(120, 5))
    loss = TripletSemiHardLoss(dtype="float64")
    expected = semi_hard(labels, embeddings, 0.2, True, True)
    assert float(loss(labels, embeddings)) == pytest.approx(expected, rel=exact)


def test_the_order_of_a_batch_does_not_matter(batch, exact):
    labels, embeddings = batch
    order = np.random.default_rng(1).permutation(len(labels))
    for loss in (
        TripletSemiHardLoss(dtype="float64"),
        TripletHardLoss(dtype="float64"),
    ):
        expected = float(loss(labels, embeddings))
        actual = float(loss(labels[order], embeddings[order]))
        assert actual == pytest.approx(expected, rel=exact)
