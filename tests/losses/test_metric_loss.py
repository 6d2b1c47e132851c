"""Contract of every metric loss, tested once for each."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.autograd import gradients
from tf_sphereface import losses

# Each with arguments that are not the defaults.
ARGUMENTS = {
    "ContrastiveLoss": {"margin": 2.0, "normalize": True, "weight": 0.5},
    "TripletSemiHardLoss": {
        "margin": 0.4,
        "squared": False,
        "normalize": False,
        "weight": 0.5,
    },
    "TripletHardLoss": {
        "margin": 0.4,
        "soft": True,
        "squared": True,
        "normalize": False,
        "weight": 0.5,
    },
    "AngularTripletLoss": {"margin": 0.4, "form": "cosine", "weight": 0.5},
    "CenterLoss": {"num_classes": 4, "alpha": 0.3, "weight": 0.5},
}
# Once more with the defaults, which take other branches.
CASES = [(name, {}) for name in ARGUMENTS if name != "CenterLoss"]
CASES += list(ARGUMENTS.items())


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{len(case[1])}")
def make(request):
    name, arguments = request.param

    def make_loss(**kwargs):
        return getattr(losses, name)(**arguments, **kwargs)

    return make_loss


def points(count=8, dim=6):
    rng = np.random.default_rng(5)
    return np.arange(count) % 4, rng.normal(size=(count, dim)).astype("float32")


def loss_and_gradient(loss, labels, embeddings):
    value, (gradient,) = gradients(
        lambda x: loss(labels, x, training=False), [embeddings]
    )
    return value, gradient


def test_every_loss_is_listed_here():
    assert {each.__name__ for each in losses.METRIC_LOSSES.values()} == set(ARGUMENTS)


def test_the_loss_is_a_scalar_that_depends_on_the_embeddings(make):
    value, gradient = loss_and_gradient(make(), *points())
    assert value.shape == ()
    assert value > 0
    assert np.abs(gradient).max() > 1e-3


@pytest.mark.parametrize(
    ("case", "dtype"),
    [
        *(("zero", "float64"), ("tiny", "float64"), ("zero", "float32")),
        *(("one zero", "float32"), ("tiny", "float32"), ("huge", "float32")),
        *(("equal", "float32"), ("twins", "float32"), ("opposite", "float32")),
    ],
)
def test_losses_and_gradients_are_finite(make, case, dtype):
    labels, embeddings = points()
    labels = labels // 2 * 2 % 4  # identities 0 and 2, four images each
    embeddings = {
        "zero": 0 * embeddings,
        "one zero": embeddings * (np.arange(8) > 0)[:, None],
        "tiny": 1e-20 * embeddings,
        "huge": 1e4 * embeddings,
        "equal": np.repeat(embeddings[:1], 8, axis=0),
        "twins": np.repeat(embeddings[:4], 2, axis=0),
        "opposite": embeddings[:1] * np.array([[1.0], [-2.0]] * 4),
    }[case]
    value, gradient = loss_and_gradient(
        make(dtype=dtype), labels, embeddings.astype(dtype)
    )
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("case", ["one image", "one identity", "all different"])
@pytest.mark.parametrize("name", [name for name in ARGUMENTS if "Triplet" in name])
def test_without_triplets_the_loss_and_its_gradient_are_zero(name, case):
    labels, embeddings = points()
    labels = {
        "one image": labels[:1],
        "one identity": 0 * labels,
        "all different": np.arange(8),
    }[case]
    value, gradient = loss_and_gradient(
        getattr(losses, name)(), labels, embeddings[: len(labels)]
    )
    assert value == 0
    assert (gradient == 0).all()


def test_without_a_pair_the_contrastive_loss_and_its_gradient_are_zero():
    labels, embeddings = points(1)
    value, gradient = loss_and_gradient(losses.ContrastiveLoss(), labels, embeddings)
    assert value == 0
    assert (gradient == 0).all()


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_embeddings_are_computed_in_float32(make, half):
    labels, embeddings = points()
    rounded = ops.cast(embeddings, half)
    value = make()(labels, rounded, training=False)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    expected = make()(labels, ops.cast(rounded, "float32"), training=False)
    assert float(value) == pytest.approx(float(expected), rel=1e-6)


def test_half_precision_is_refused(make):
    with pytest.raises(ValueError, match="`dtype` must be .* dtype='mixed_float16'"):
        make(dtype="mixed_float16")


def test_labels_may_be_a_column_or_floats_but_not_one_hot(make):
    labels, embeddings = points()
    expected = float(make()(labels, embeddings, training=False))
    for same in (labels[:, None], labels.astype("float32")):
        value = float(make()(same, embeddings, training=False))
        assert value == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match="`labels` must be integers .*not one-hot"):
        make()(np.eye(4)[labels], embeddings, training=False)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_config_round_trip_keeps_every_argument(name):
    loss = getattr(losses, name)(**ARGUMENTS[name])
    config = keras.saving.serialize_keras_object(loss)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(loss)
    assert {key: getattr(copy, key) for key in ARGUMENTS[name]} == ARGUMENTS[name]


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("argument", ["weight", "margin"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), "1", True])
def test_a_factor_that_is_not_positive_is_named(name, argument, value):
    if argument not in ARGUMENTS[name]:
        argument = "weight"
    arguments = {**ARGUMENTS[name], argument: value}
    message = f"`{argument}` must be positive. Received: {argument}={value!r}"
    with pytest.raises(ValueError, match=message):
        getattr(losses, name)(**arguments)


def test_names_are_fixed_and_different():
    names = {getattr(losses, name)(**ARGUMENTS[name]).name for name in ARGUMENTS}
    again = {getattr(losses, name)(**ARGUMENTS[name]).name for name in ARGUMENTS}
    assert names == again
    assert len(names) == len(ARGUMENTS)
    assert losses.CenterLoss(2, name="pull").name == "pull"


# Training compiles: a loss of pairs and one of triplets, the others in the slow tests.
@pytest.mark.quick_cases("TripletHardLoss")
@pytest.mark.parametrize(
    "name",
    [
        "ContrastiveLoss",
        "TripletHardLoss",
        pytest.param("AngularTripletLoss", marks=pytest.mark.slow),
        pytest.param("TripletSemiHardLoss", marks=pytest.mark.slow),
    ],
)
def test_losses_without_weights_train_and_save_a_bare_backbone(name, tmp_path):
    labels, embeddings = points(32)
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5)])
    loss = getattr(losses, name)(**ARGUMENTS[name])
    backbone.compile(keras.optimizers.SGD(0.01), loss=loss)
    expected = float(ops.convert_to_numpy(loss(labels, backbone(embeddings))))
    kernel = np.array(ops.convert_to_numpy(backbone.layers[0].kernel))
    history = backbone.fit(embeddings, labels, batch_size=32, verbose=0).history
    assert history["loss"] == [pytest.approx(expected, rel=1e-5)]
    moved = ops.convert_to_numpy(backbone.layers[0].kernel) - kernel
    assert 1e-5 < np.abs(moved).max() < 1
    after = float(ops.convert_to_numpy(loss(labels, backbone(embeddings))))
    backbone.save(tmp_path / "backbone.keras")
    loaded = keras.models.load_model(tmp_path / "backbone.keras")
    again = loaded.evaluate(embeddings, labels, batch_size=32, verbose=0)
    assert again == pytest.approx(after, rel=1e-5)


def test_embeddings_of_another_shape_are_named_in_the_error(make):
    labels, embeddings = points()
    with pytest.raises(ValueError, match="`embeddings` must be .* embeddings of shape"):
        make()(labels, embeddings[:, None], training=True)
