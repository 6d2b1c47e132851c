"""Tests for tf_sphereface.heads.annealing and the heads that count for it."""

import keras
import numpy as np
import pytest
from keras import ops

from tf_sphereface.heads import ASoftmaxLayer, InverseDecayAnnealing, StagedMargin


def train_batches(head, sizes):
    for size in sizes:
        head(np.ones((size, 8), np.float32), np.arange(size) % 5, training=True)


def test_lambda_in_images_does_not_depend_on_the_batch_size():
    lambdas = []
    for sizes in ([8] * 3, [2] * 12, [5, 19]):
        annealing = InverseDecayAnnealing(100.0, 0.5, 1.0, 0.0, unit="images")
        head = ASoftmaxLayer(5, annealing=annealing)
        train_batches(head, sizes)
        assert int(head.images) == 24
        lambdas.append(float(head.annealing_lambda()))
    assert lambdas == pytest.approx([100 / 13] * 3, rel=1e-6)


def test_images_are_counted_in_training_only():
    head = ASoftmaxLayer(5, annealing=InverseDecayAnnealing(unit="images"))
    head(np.ones((3, 8), np.float32), np.array([0, 1, 2]), training=False)
    head(np.ones((3, 8), np.float32))
    assert int(head.images) == 0


def test_lambda_in_iterations_needs_no_image_counter():
    head = ASoftmaxLayer(5)
    head.build((None, 8))
    assert [weight.name for weight in head.weights] == ["kernel", "iteration"]


def test_image_counter_survives_saving(tmp_path):
    inputs = keras.Input((8,))
    head = ASoftmaxLayer(5, annealing=InverseDecayAnnealing(7.0, unit="images"))
    model = keras.Model(inputs, head(inputs))
    train_batches(head, [4, 4])
    model.save(tmp_path / "head.keras")
    loaded = keras.models.load_model(tmp_path / "head.keras").layers[-1]
    assert (int(loaded.images), int(loaded.iteration)) == (8, 2)
    assert (loaded.annealing.base, loaded.annealing.unit) == (7.0, "images")


@pytest.mark.parametrize(
    ("unit", "stages"),
    [("iterations", [1, 1, 2, 2, 4, 4]), ("images", [1, 2, 4, 4, 4, 4])],
)
def test_staged_margin_follows_its_starts(unit, stages):
    starts = (0, 3, 5) if unit == "iterations" else (0, 6, 9)
    staged = StagedMargin((1, 2, 4), starts, unit=unit)
    head = ASoftmaxLayer(5, margin=staged, annealing=None, dtype="float64")
    rng = np.random.default_rng(2)
    embeddings, labels = rng.normal(size=(3, 8)), np.array([0, 1, 4])
    head.build((None, 8))
    for margin in stages:
        fixed = ASoftmaxLayer(5, margin=margin, annealing=None, dtype="float64")
        fixed.build((None, 8))
        fixed.kernel.assign(head.kernel)
        actual = ops.convert_to_numpy(head(embeddings, labels, training=True))
        expected = ops.convert_to_numpy(fixed(embeddings, labels))
        np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_staged_margin_survives_the_config():
    head = ASoftmaxLayer(5, margin=StagedMargin((1, 2, 4), (0, 10, 20), unit="images"))
    margin = ASoftmaxLayer.from_config(head.get_config()).margin
    assert (margin.margins, margin.starts) == ((1, 2, 4), (0, 10, 20))
    assert margin.unit == "images"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1, 2.5), (0, 1)), "`margins` must be integers"),
        (((), ()), "`margins` must be integers"),
        (((1, 0), (0, 1)), "`margins` must be integers"),
        (((1, 2), (0,)), "`starts` must have one value for each"),
        (((1, 2), (1, 2)), "`starts` must begin with 0"),
        (((1, 2, 4), (0, 5, 5)), "`starts` must begin with 0 and increase"),
        (((1, 2), (0, 5), "epochs"), "`unit` must be .* unit='epochs'"),
    ],
)
def test_bad_stages_are_named_in_the_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        StagedMargin(*arguments)


def test_bad_annealing_is_named_in_the_error():
    with pytest.raises(ValueError, match="`unit` must be .* unit='epochs'"):
        InverseDecayAnnealing(unit="epochs")
    with pytest.raises(ValueError, match="`gamma` must be >= 0"):
        InverseDecayAnnealing(gamma=-1.0)
