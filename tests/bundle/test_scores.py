"""Tests for tf_sphereface.bundle.scores."""

import pytest

from tf_sphereface.bundle.scores import measured_threshold
from tf_sphereface.errors import InputError


@pytest.mark.parametrize(
    ("measured", "far", "message"),
    [
        (
            {"accuracy": 0.3, "far_0.1": 0.2},
            0.01,
            "the bundle has no threshold at FAR 0.01; it has FAR 0.1: say --far 0.1 "
            "(a FAR of 0.01 needs 100 impostor pairs to measure)",
        ),
        (
            {"far_0.1": 0.2, "far_0.0001": 0.6},
            0.001,
            "the bundle has no threshold at FAR 0.001; it has FAR 0.0001, 0.1: say "
            "--far 0.0001 (a FAR of 0.001 needs 1000 impostor pairs to measure)",
        ),
        (
            {"far_0.1": 0.2},
            1e-320,
            "the bundle has no threshold at FAR 9.99989e-321; it has FAR 0.1: say "
            "--far 0.1",
        ),
        (
            {"accuracy": 0.3},
            0.3,
            "the bundle has no threshold at FAR 0.3 "
            "(a FAR of 0.3 needs 4 impostor pairs to measure)",
        ),
    ],
)
def test_missing_far_names_those_that_were_measured(measured, far, message):
    with pytest.raises(InputError) as caught:
        measured_threshold(measured, far)
    assert str(caught.value) == message


@pytest.mark.parametrize("far", [0.0, -0.1, 1.5, float("nan")])
@pytest.mark.parametrize("measured", [None, {"far_0.1": 0.2}])
def test_far_that_is_no_rate_is_refused(measured, far):
    with pytest.raises(InputError, match="a FAR must be above 0 and at most 1"):
        measured_threshold(measured, far)


def test_threshold_is_that_of_the_far():
    assert measured_threshold({"far_0.1": 0.2, "far_0.01": 0.4}, 0.01) == 0.4
    assert measured_threshold(None, 0.01) is None
