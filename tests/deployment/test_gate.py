"""Tests of the gate in tf_sphereface.deployment.export: no broken file passes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface.deployment import (
    DriftError,
    ExportOptions,
    export,
    export_bundle,
    export_saved_model,
)
from tf_sphereface.deployment.parity import DRIFT_BOUNDS, DriftBound
from tf_sphereface.deployment.tflite import to_tflite
from tf_sphereface.errors import InputError


def test_drift_over_the_bound_leaves_nothing(
    classifier_file, aligned, tmp_path, monkeypatch
):
    options = ExportOptions(("dynamic",), calibration=aligned, maximum_drift=1e-7)
    with pytest.raises(DriftError, match="dynamic model drifts"):
        export_bundle(classifier_file, tmp_path / "bundle", options)
    # The SavedModel may be bit-identical to Keras: no cosine meets this bound.
    monkeypatch.setitem(DRIFT_BOUNDS, "saved_model", DriftBound("min_cosine", 1.1))
    with pytest.raises(DriftError, match="saved_model model drifts"):
        export_saved_model(classifier_file, tmp_path / "saved", aligned)
    assert list(tmp_path.iterdir()) == []


def weightless(backbone, half_weights=False):
    """The trap: a conversion of a Keras 3 model that drops the weights silently."""
    function = tf.function(
        lambda aligned_face: backbone(aligned_face, training=False)
    ).get_concrete_function(tf.TensorSpec((1, 112, 96, 3), name="aligned_face"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], backbone)
    return converter.convert()


def zeroed(backbone, half_weights=False):
    copy = keras.models.clone_model(backbone)
    copy.set_weights([np.zeros_like(weight) for weight in backbone.get_weights()])
    return to_tflite(copy)


def without_input(backbone, half_weights=False):
    """A mis-wired export: the embedding of grey, whatever the face."""
    inputs = keras.Input((112, 96, 3))
    return to_tflite(keras.Model(inputs, backbone(inputs * 0.0)))


def upside_down(backbone, half_weights=False):
    inputs = keras.Input((112, 96, 3))
    return to_tflite(keras.Model(inputs, backbone(inputs[:, ::-1])))


def swapped_channels(backbone, half_weights=False):
    inputs = keras.Input((112, 96, 3))
    return to_tflite(keras.Model(inputs, backbone(inputs[..., ::-1])))


@pytest.mark.parametrize(
    "convert", [weightless, zeroed, without_input, upside_down, swapped_channels]
)
def test_broken_conversion_cannot_pass(
    classifier_file, aligned, tmp_path, monkeypatch, convert
):
    monkeypatch.setattr(export.tflite, "to_tflite", convert)
    with pytest.raises((DriftError, InputError)):
        export_bundle(
            classifier_file, tmp_path / "bundle", ExportOptions(calibration=aligned)
        )
    assert list(tmp_path.iterdir()) == []
