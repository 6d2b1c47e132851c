"""Comparison of a metric loss with a NumPy oracle: values and gradients."""

import numpy as np
import pytest

from tests.autograd import gradients
from tests.finite_differences import central_differences


@pytest.fixture
def exact():
    """Relative error to expect of a loss in float64."""
    return 1e-10


@pytest.fixture
def batch():
    """Fifteen embeddings of length about 2.6 of five identities; float64.

    One identity has six images, one a single image.
    """
    labels = np.array([2, 0, 2, 4, 1, 2, 0, 1, 2, 2, 4, 0, 3, 4, 2])
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(5, 7))
    return labels, centres[labels] + 0.7 * rng.normal(size=(15, 7))


@pytest.fixture
def check_oracle(exact):
    """check(make, oracle, labels, embeddings): make(dtype=...) gives the loss.

    `oracle` maps (labels, embeddings) to the loss in NumPy.
    """

    def check(make, oracle, labels, embeddings):
        expected = oracle(labels, embeddings)
        assert expected > 0
        loss = make(dtype="float64")
        value, (gradient,) = gradients(lambda x: loss(labels, x), [embeddings])
        assert value == pytest.approx(expected, rel=exact, abs=exact / 10)
        np.testing.assert_allclose(
            gradient,
            # A short step: which triplets count must not change within it.
            central_differences(lambda x: oracle(labels, x), embeddings, step=1e-5),
            rtol=max(1e-5, 10 * exact),
            atol=max(1e-8, exact / 10),
        )
        single = make(dtype="float32")
        value, _ = gradients(
            lambda x: single(labels, x), [embeddings.astype("float32")]
        )
        assert value.dtype == np.float32
        assert value == pytest.approx(expected, rel=1e-5, abs=1e-6)

    return check
