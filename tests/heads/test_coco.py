"""Tests for tf_sphereface.heads.coco."""

import numpy as np
import pytest

from tf_sphereface.heads import COCOLayer


def test_logits_and_gradients_match_the_paper(check_oracle, batch):
    embeddings, labels = batch

    def logits(x, kernel):
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        return 6.25 * unit @ (kernel / np.linalg.norm(kernel, axis=0))

    head = COCOLayer(5, scale=6.25, dtype="float64")
    check_oracle(head, embeddings, labels, logits=logits)


def test_default_scale_is_the_releases():
    assert COCOLayer(5).scale == 21.475


def test_config_round_trip_keeps_every_argument():
    copy = COCOLayer.from_config(COCOLayer(5, scale=16.0).get_config())
    assert (copy.num_classes, copy.scale) == (5, 16.0)


def test_no_scale_is_refused():
    with pytest.raises(ValueError, match="`scale` must be positive"):
        COCOLayer(5, scale=None)
