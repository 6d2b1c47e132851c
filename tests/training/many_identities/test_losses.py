"""Tests for tf_sphereface.training.many_identities.losses."""

import numpy as np
import pytest

from tests.heads.every_head import ARGUMENTS
from tests.training.many_identities.plain_heads import DIM, divided, plain, stepped
from tf_sphereface import heads
from tf_sphereface.training.distribution.strategies import training_strategy

REFUSED = {"SoftmaxLayer", "LSoftmaxLayer", "SphereFace2Layer"}
CLASSES, IMAGES = 7, 8  # shares of 4 and 3


def batch():
    rng = np.random.default_rng(2)
    embeddings = rng.normal(size=(IMAGES, DIM))
    return embeddings, np.array([0, 6, 3, 3, 4, 1, 6, 5])


def test_heads_that_cannot_be_divided_are_those_and_caffes_gradient():
    for name in ARGUMENTS:
        assert getattr(heads, name)(7).columnwise == (name not in REFUSED)
    assert not heads.ASoftmaxLayer(7, gradient="caffe").columnwise


@pytest.mark.quick_cases("ArcFaceLayer-2", "CurricularFaceLayer-2", "AdaFaceLayer-2")
@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("name", sorted(set(ARGUMENTS) - REFUSED))
def test_losses_and_gradients_are_those_of_a_plain_head(name, devices):
    strategy, (embeddings, labels) = training_strategy(devices), batch()
    arguments = {"dtype": "float64"}
    head, shares = divided(name, strategy, CLASSES, 1.0, **arguments)
    *found, picked = stepped(head, shares, strategy, embeddings, labels)
    assert picked.tolist() == list(range(CLASSES))
    peer, *expected = plain(name, shares, picked, embeddings, labels, **arguments)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)
    states = [weight for weight in peer.weights if weight is not peer.kernel]
    for ours, theirs in zip(head.weights, states, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.quick_cases("ArcFaceLayer", "MagFaceLayer")
@pytest.mark.parametrize("name", sorted(set(ARGUMENTS) - REFUSED))
def test_a_sample_is_a_plain_head_of_the_sampled_classes(name):
    """Of 24 classes 4 to 6 of each share: the batch's and others."""
    strategy, (embeddings, labels) = training_strategy(2), batch()
    labels = 3 * labels
    head, shares = divided(name, strategy, 24, 0.1, dtype="float64")
    *found, picked = stepped(head, shares, strategy, embeddings, labels)
    assert len(set(picked)) == len(picked) == 2 * IMAGES
    assert set(labels) < set(picked)
    _, *expected = plain(name, shares, picked, embeddings, labels, dtype="float64")
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def test_a_label_that_no_share_has_gives_nan_for_its_image_alone():
    strategy, (embeddings, labels) = training_strategy(2), batch()
    head, shares = divided("AMSoftmaxLayer", strategy, CLASSES, 1.0)
    labels[2] = CLASSES
    losses, *_ = stepped(head, shares, strategy, embeddings.astype("float32"), labels)
    assert np.isnan(losses).tolist() == [place == 2 for place in range(IMAGES)]
