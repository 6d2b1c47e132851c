"""Tests for tf_sphereface.deployment.checking.measurement."""

import copy

import pytest

from tests.bundle.contract_example import example
from tf_sphereface.bundle.contract import BundleContract
from tf_sphereface.bundle.records import Drift, VariantMeasurement
from tf_sphereface.deployment.checking.measurement import (
    drift_differences,
    measured_fars,
    measurement_differences,
)

VARIANT = BundleContract.model_validate(example()).variants["int8"]
DRIFT = {"mean_cosine": 0.999, "p01_cosine": 0.99, "min_cosine": 0.98, "crops": 24}
MEASURED = {
    "verification": {"pairs": 600, "accuracy": 0.9, "tar_at_far": {"far_0.01": 0.8}},
    "thresholds": {"far_0.01": 0.4, "accuracy": 0.35},
}


def measured(place, value):
    content = copy.deepcopy(MEASURED)
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return VariantMeasurement.model_validate(content)


def test_the_same_figures_do_not_differ():
    assert drift_differences("int8", Drift(**DRIFT), Drift(**DRIFT)) == []
    same = VariantMeasurement.model_validate(MEASURED)
    assert measurement_differences("int8", VARIANT, same) == []


@pytest.mark.parametrize(
    ("key", "inside", "beyond"),
    [
        ("mean_cosine", 0.9975, 0.9965),
        ("p01_cosine", 0.9885, 0.9875),
        ("p01_cosine", 0.9915, 0.9925),
        ("min_cosine", 0.975, 0.965),
    ],
)
def test_drift_may_move_by_its_tolerance(key, inside, beyond):
    expected = Drift(**DRIFT)
    assert drift_differences("x", expected, Drift(**{**DRIFT, key: inside})) == []
    (line,) = drift_differences("x", expected, Drift(**{**DRIFT, key: beyond}))
    assert line.startswith(f"x: {key} is {beyond:.6f}, the contract says ")


def test_drift_of_other_crops_is_not_compared():
    (line,) = drift_differences("x", Drift(**DRIFT), Drift(**{**DRIFT, "crops": 25}))
    assert line.startswith("x: its drift is of 24 crops, these are 25;")


@pytest.mark.parametrize(
    ("place", "inside", "beyond", "what"),
    [
        (("verification", "accuracy"), 0.9015, 0.8975, "accuracy"),
        (("verification", "tar_at_far", "far_0.01"), 0.803, 0.795, "TAR at far_0.01"),
        (("thresholds", "far_0.01"), 0.4015, 0.3975, "threshold far_0.01"),
        (("thresholds", "accuracy"), 0.3515, 0.3475, "threshold accuracy"),
    ],
)
def test_measurements_may_move_by_their_tolerance(place, inside, beyond, what):
    assert measurement_differences("x", VARIANT, measured(place, inside)) == []
    (line,) = measurement_differences("x", VARIANT, measured(place, beyond))
    assert line.startswith(f"x: {what} is {beyond:.6f}, the contract says ")


def test_what_only_one_side_has_is_told():
    more = measured(("thresholds", "far_0.1"), 0.2)
    assert measurement_differences("x", VARIANT, more) == [
        "x: threshold far_0.1 is known now only"
    ]
    fewer = measured(("verification", "tar_at_far"), {})
    assert measurement_differences("x", VARIANT, fewer) == [
        "x: TAR at far_0.01 is known in the contract only"
    ]


def test_other_pairs_and_missing_measurements_are_told():
    other = measured(("verification", "pairs"), 601)
    assert measurement_differences("x", VARIANT, other) == [
        "x: measured on 600 pairs, these are 601"
    ]
    bare = VARIANT.model_copy(update={"verification": None})
    same = VariantMeasurement.model_validate(MEASURED)
    assert measurement_differences("x", bare, same) == [
        "x: the contract has no measurement to compare with"
    ]


def test_fars_come_from_the_thresholds():
    assert measured_fars(VARIANT) == [0.01]
    keys = {"far_1e-06": 0.9, "accuracy": 0.3, "far_0.1": 0.2, "far_0.001": 0.5}
    assert measured_fars(VARIANT.model_copy(update={"thresholds": keys})) == [
        0.1,
        0.001,
        1e-6,
    ]
    assert measured_fars(VARIANT.model_copy(update={"thresholds": None})) == []
