"""Tests for tf_sphereface.training.angles."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.small_recipe import recipe
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.heads import AMSoftmaxLayer, LSoftmaxLayer, SoftmaxLayer
from tf_sphereface.heads.arcface import ArcFaceLayer
from tf_sphereface.training.angles import class_angles
from tf_sphereface.training.callbacks import read_history
from tf_sphereface.training.trainer import train

CLASSES = 5


def classifier(head):
    inputs = keras.Input((4, 3, 3))
    outputs = keras.layers.Dense(6)(keras.layers.Flatten()(inputs))
    return FaceClassifier(keras.Model(inputs, outputs), head)


@pytest.mark.parametrize(
    "head",
    [
        SoftmaxLayer(CLASSES),
        LSoftmaxLayer(CLASSES),
        AMSoftmaxLayer(CLASSES, scale=30.0),
        ArcFaceLayer(CLASSES, sub_centers=3),
    ],
    ids=lambda head: head.name,
)
def test_angles_and_norms_match_numpy(head):
    keras.utils.set_random_seed(0)
    model, rng = classifier(head), np.random.default_rng(0)
    if hasattr(head, "bias"):  # it turns no class weight
        head.bias.assign(rng.normal(size=CLASSES))
    faces = rng.normal(size=(8, 4, 3, 3)).astype("float32")
    labels = rng.integers(0, CLASSES, 8)
    actual = class_angles(model, faces, labels)

    embeddings = np.float64(model.backbone(faces))
    # Columns of a class lie side by side.
    kernel = np.float64(head.kernel).reshape(6, CLASSES, -1)
    products = np.einsum("bd,dck->bck", embeddings, kernel)
    norms = np.sqrt((embeddings**2).sum(1))
    cosines = products / norms[:, None, None] / np.sqrt((kernel**2).sum(0))
    angles = np.arccos(cosines.max(2))
    own = np.eye(CLASSES, dtype=bool)[labels]
    np.testing.assert_allclose(actual.target, angles[own], atol=1e-5)
    others = np.where(own, np.inf, angles).min(1)
    np.testing.assert_allclose(actual.nearest, others, atol=1e-5)
    np.testing.assert_allclose(actual.norms, norms, rtol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_a_run_keeps_angles_of_every_epoch(records, tmp_path):
    run = tmp_path / "run"
    train(recipe(schedule={"steps": 2, "steps_per_epoch": 1}), records, run)
    for row in read_history(run / "history.csv"):
        assert 0 < float(row["nearest_angle"]) < np.pi
        assert 0 < float(row["target_angle"]) < np.pi
        assert float(row["embedding_norm"]) > 0
    (events,) = (run / "logs" / "angles").iterdir()
    tags = {
        (value.tag, event.step)
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    names = ("target", "nearest", "norms")
    assert tags == {(f"angles/{name}", epoch) for name in names for epoch in (0, 1)}
