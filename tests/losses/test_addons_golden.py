"""Comparison with tensorflow-addons 0.23.0; make_addons_golden.py made the values."""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from tests.autograd import gradients
from tf_sphereface.losses import (
    AngularTripletLoss,
    ContrastiveLoss,
    TripletHardLoss,
    TripletSemiHardLoss,
)

GOLDEN = json.loads(Path(__file__).with_name("addons_golden.json").read_text())
BATCHES = {(one["name"], one["normalized"]): one for one in GOLDEN["batches"]}


def cases(name):
    def words(case):
        return "-".join(
            str(value)
            for key, value in case.items()
            if key not in ("value", "gradient")
        )

    return pytest.mark.parametrize("case", GOLDEN[name], ids=words)


def compare(case, function):
    """function(labels, embeddings tensor) against the value and gradient of a case."""
    batch = BATCHES[case["batch"], case["normalized"]]
    labels = np.array(batch["labels"])
    value, (gradient,) = gradients(
        lambda x: function(labels, x), [np.array(batch["embeddings"], "float32")]
    )
    assert value == pytest.approx(case["value"], rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(gradient, case["gradient"], rtol=1e-4, atol=1e-6)


def test_the_file_says_its_versions_and_holds_losses_above_zero():
    assert GOLDEN["versions"]["tensorflow-addons"] == "0.23.0"
    values = [case["value"] for case in GOLDEN["triplet_semihard_loss"]]
    assert sum(value > 0.01 for value in values) > 30


@cases("triplet_semihard_loss")
def test_semi_hard_loss(case):
    if case["metric"] == "angular":  # there: 1 - cosine
        loss = AngularTripletLoss(case["margin"], form="cosine")
    else:
        squared = case["metric"] == "squared-L2"
        loss = TripletSemiHardLoss(case["margin"], squared, normalize=False)
    compare(case, loss)


@cases("triplet_hard_loss")
def test_batch_hard_loss(case):
    squared = case["metric"] == "squared-L2"
    compare(
        case, TripletHardLoss(case["margin"], case["soft"], squared, normalize=False)
    )


@cases("contrastive_loss")
def test_contrastive_loss_is_half_of_theirs(case):
    loss = ContrastiveLoss(case["margin"])

    def doubled(labels, embeddings):
        genuine = labels[0::2] == labels[1::2]
        losses = loss.pair_losses(embeddings[0::2], embeddings[1::2], genuine)
        return 2.0 * ops.mean(losses)

    compare(case, doubled)
