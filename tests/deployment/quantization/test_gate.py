"""Tests of the gate: limits are kept to the letter, and no broken file passes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface.bundle.records import (
    Drift,
    Identification,
    RankAgreement,
    VariantMeasurement,
    Verification,
)
from tf_sphereface.deployment import (
    DriftError,
    ExportOptions,
    GateLimits,
    export_bundle,
    export_saved_model,
)
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization import ai_edge
from tf_sphereface.deployment.quantization.gate import check_gate
from tf_sphereface.deployment.servers import saved_model
from tf_sphereface.errors import InputError


def drift(mean=0.999, least=0.99):
    return Drift(mean_cosine=mean, p01_cosine=least, min_cosine=least, crops=9)


def measured(accuracy=0.9, rank_1=None, dir_1=None, probes=1000, unknown=500):
    """Accuracy of pairs, and a search if its rates are given."""
    search = None
    if rank_1 is not None:
        search = Identification(
            people=300,
            probes=probes,
            unknown_probes=unknown,
            rank_1=rank_1,
            dir_at_far={} if dir_1 is None else {"far_0.01": dir_1},
        )
    return VariantMeasurement(
        verification=Verification(pairs=600, accuracy=accuracy, tar_at_far={}),
        thresholds={},
        identification=search,
    )


WITHOUT_TAILS = GateLimits(min_p01_cosine=-1, min_least_cosine=-1)


@pytest.mark.parametrize(
    ("mean", "accuracy", "failures"),
    [
        (0.99, 0.895, []),
        (0.9899, 0.9, ["mean cosine 0.98990, the limit is 0.99"]),
        (1.0, 0.8949, ["accuracy 0.51 points below float, the limit is 0.5"]),
        (float("-0.5"), 0.5, ["mean cosine -0.5", "accuracy 40.00 points below"]),
        (1.0, 0.95, []),
    ],
)
def test_limits_of_a_quantised_variant(mean, accuracy, failures):
    gate = check_gate(
        *("int8", WITHOUT_TAILS, drift(mean, -0.9), (), None),
        *(measured(accuracy), measured(0.9)),
    )
    assert gate.passed == (not failures)
    assert len(gate.failures) == len(failures)
    for said, expected in zip(gate.failures, failures, strict=True):
        assert expected in said


@pytest.mark.parametrize(
    ("p01", "least", "failures"),
    [
        (0.98, 0.95, []),
        (0.9799, 0.96, ["first percentile of cosines 0.97990, the limit is 0.98"]),
        (0.99, 0.9499, ["least cosine 0.94990, the limit is 0.95"]),
        (0.9422, 0.88, ["first percentile", "least cosine"]),  # plain int8, 2026
    ],
)
def test_limits_of_the_tail(p01, least, failures):
    tail = Drift(mean_cosine=0.999, p01_cosine=p01, min_cosine=least, crops=9)
    found = check_gate("int8", GateLimits(), tail).failures
    assert len(found) == len(failures)
    for said, expected in zip(found, failures, strict=True):
        assert expected in said


@pytest.mark.parametrize(
    ("found", "cross", "failures"),
    [
        # 1.5 points, and one probe of 1,000, which are 0.1 points.
        (measured(0.9, 0.934, 0.844), None, []),
        (measured(0.9, 0.9339, 0.9), None, ["rank 1 1.61 points below float"]),
        (measured(0.9, 0.96, 0.8439), None, ["DIR at FAR 1 % 1.61 points below"]),
        (
            measured(0.9, 0.95, 0.86),
            measured(0.9, 0.93, 0.8),
            ["rank 1, float gallery 2.00", "DIR at FAR 1 %, float gallery 6.00"],
        ),
        (measured(0.9, 0.95), None, []),  # its DIR was not measured
    ],
)
def test_a_search_must_not_lose_more_than_its_limit(found, cross, failures):
    gate = check_gate(
        *("int8", GateLimits(), drift(), (), None, found),
        *(measured(0.9, 0.95, 0.86), cross),
    )
    assert len(gate.failures) == len(failures)
    for said, expected in zip(gate.failures, failures, strict=True):
        assert expected in said


def test_few_strangers_decide_nothing():
    few = {"unknown": 499}
    gate = check_gate(
        *("int8", GateLimits(), drift(), (), None),
        *(measured(0.9, 0.95, 0.1, **few), measured(0.9, 0.95, 0.9, **few)),
    )
    assert gate.passed
    one = {"probes": 20}  # a probe is 5 points
    arguments = "int8", GateLimits(), drift(), (), None
    float_found = measured(0.9, 0.95, **one)
    assert check_gate(*arguments, measured(0.9, 0.9, **one), float_found).passed
    assert not check_gate(*arguments, measured(0.9, 0.85, **one), float_found).passed


def test_rank_limit_and_wiring():
    rank = RankAgreement(same_gallery=0.994, float_gallery=1, probes=9, gallery=9)
    limits = GateLimits(min_rank_agreement=0.995)
    gate = check_gate("int8", limits, drift(), ("it is upside down",), rank)
    assert gate.failures == (
        "it is upside down",
        "rank-1 agreement 0.9940, the limit is 0.995",
    )
    assert check_gate("int8", GateLimits(), drift(), (), rank).passed


@pytest.mark.parametrize(("variant", "passes"), [("fp16", False), ("dynamic", True)])
def test_float_variants_are_held_to_rounding(variant, passes):
    assert check_gate(variant, GateLimits(), drift(least=0.9998)).passed == passes


def test_limit_of_the_cosine_is_not_for_float_variants():
    near = drift(mean=0.99999, least=0.9999)
    assert check_gate("none", GateLimits(min_cosine=1), near).passed
    assert not check_gate("dynamic", GateLimits(min_cosine=1), near).passed


@pytest.mark.parametrize(
    "limit",
    [
        {"min_cosine": 1.1},
        {"max_accuracy_drop": -1},
        {"min_rank_agreement": 2},
        {"min_p01_cosine": -2},
        {"max_search_drop": 101},
    ],
)
def test_impossible_limits_are_named(limit):
    with pytest.raises(ValueError, match=f"`{next(iter(limit))}` must be"):
        GateLimits(**limit)


@pytest.mark.slow
def test_bundle_says_which_variant_failed(classifier_file, aligned, tmp_path):
    options = ExportOptions(
        ("none", "dynamic"), calibration=aligned, limits=GateLimits(min_cosine=1)
    )
    bundle = export_bundle(classifier_file, tmp_path / "bundle", options)
    gate = bundle.contract.variants["dynamic"].gate
    assert not gate.passed and "mean cosine 0.99" in gate.failures[0]
    card = (bundle.path / "MODEL_CARD.md").read_text()
    assert "FAILED" in card


def test_limit_that_no_cosine_meets_is_refused(classifier_file, aligned, tmp_path):
    with pytest.raises(ValueError, match="`min_cosine` must be"):
        export_saved_model(classifier_file, tmp_path / "s", aligned, min_cosine=1.1)
    assert list(tmp_path.iterdir()) == []


def weightless(model):
    """The trap: a conversion of a Keras 3 model that drops the weights silently."""
    function = tf.function(
        lambda aligned_face: model.backbone(aligned_face, training=False)
    ).get_concrete_function(tf.TensorSpec((1, 112, 96, 3), name="aligned_face"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function], model.backbone
    )
    return converter.convert()


def rewired(change):
    def convert(model):
        inputs = keras.Input((112, 96, 3))
        network = keras.Model(inputs, model.backbone(change(inputs)))
        return CONVERT(FloatModel(network, model.pixel_contract))

    return convert


def zeroed(model):
    copy = keras.models.clone_model(model.backbone)
    copy.set_weights([np.zeros_like(weight) for weight in model.backbone.get_weights()])
    return CONVERT(FloatModel(copy, model.pixel_contract))


CONVERT = FloatModel.convert
BROKEN = {
    "weightless": weightless,
    "zeroed": zeroed,
    "without_input": rewired(lambda inputs: inputs * 0.0),  # the embedding of grey
    "upside_down": rewired(lambda inputs: inputs[:, ::-1]),
    "swapped_channels": rewired(lambda inputs: inputs[..., ::-1]),
}


@pytest.mark.quick_cases("weightless")
@pytest.mark.parametrize(
    "broken",
    [
        "weightless",
        "swapped_channels",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("zeroed", "without_input", "upside_down")
        ),
    ],
)
def test_broken_float_conversion_leaves_nothing(
    classifier_file, aligned, tmp_path, monkeypatch, broken
):
    monkeypatch.setattr(FloatModel, "convert", BROKEN[broken])
    options = ExportOptions(("none", "dynamic"), calibration=aligned)
    with pytest.raises((DriftError, InputError)):
        export_bundle(classifier_file, tmp_path / "bundle", options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "broken",
    [
        "upside_down",
        pytest.param("zeroed", marks=pytest.mark.slow),
        pytest.param("without_input", marks=pytest.mark.slow),
    ],
)
def test_broken_quantised_file_cannot_pass(
    classifier_file, aligned, tmp_path, monkeypatch, broken
):
    whole = ai_edge.quantize

    def quantize(model, *rest, **others):
        content = BROKEN[broken](model)
        sound = FloatModel(model.backbone, model.pixel_contract)
        vars(sound)["content"] = content  # what is quantised is the broken file
        return whole(sound, *rest, **others)

    monkeypatch.setattr(ai_edge, "quantize", quantize)
    options = ExportOptions(("none", "dynamic"), calibration=aligned)
    bundle = export_bundle(classifier_file, tmp_path / "bundle", options)
    assert bundle.contract.variants["none"].gate.passed
    assert not bundle.contract.variants["dynamic"].gate.passed


def test_saved_model_of_another_network_is_refused(
    classifier_file, aligned, tmp_path, monkeypatch
):
    check = saved_model.check_exact

    def turned(what, reference, exported, least):
        return check(what, reference, np.roll(exported, 1, axis=1), least)

    monkeypatch.setattr(saved_model, "check_exact", turned)
    with pytest.raises(DriftError, match="saved_model model drifts"):
        export_saved_model(classifier_file, tmp_path / "saved", aligned)
    assert list(tmp_path.iterdir()) == []


def test_rank_limit_without_a_rank_fails():
    (failure,) = check_gate(
        "int8", GateLimits(min_rank_agreement=0.9), drift()
    ).failures
    assert failure.startswith("rank-1 agreement could not be measured")
