"""Contract of every head, tested once for each."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

import tf_sphereface
from tests.autograd import gradients
from tests.heads.every_head import ARGUMENTS, PLAIN, make, points
from tf_sphereface import heads


def loss_and_gradients(head, embeddings, labels):
    """Summed loss of a training step and its gradients by embeddings and weights."""
    if not head.built:
        head.build(embeddings.shape)

    def loss(values):
        outputs = head(values, parts=True)
        return ops.sum(head.sample_losses(outputs, labels, training=True))

    return gradients(loss, [embeddings], head)


@pytest.fixture(params=ARGUMENTS)
def name(request):
    return request.param


def test_every_head_can_be_imported_from_the_top():
    for head in heads.HEADS.values():
        assert getattr(tf_sphereface, head.__name__) is head
        assert head.__name__ in heads.__all__


@pytest.mark.quick_cases("*-call", "ASoftmaxLayer-*")
@pytest.mark.parametrize("kind", ["call", "sequential", "functional"])
def test_training_without_labels_warns_once(name, kind):
    """Of heads that have a margin, which they would not train."""
    head, (embeddings, labels) = make(name), points()
    model = keras.Sequential([keras.Input((6,)), head])
    if kind == "functional":
        inputs = keras.Input((6,))
        model = keras.Model(inputs, head(inputs))
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.predict_on_batch(embeddings)
        assert not [w for w in caught if "without a margin" in str(w.message)]
        for _ in range(2):
            if kind == "call":
                head(embeddings, training=True)
            else:
                model.train_on_batch(embeddings, labels)
        head(embeddings, labels, training=True)
        head(embeddings, parts=True, training=True)
    told = [str(warning.message) for warning in caught]
    told = [text for text in told if "without a margin" in text]
    assert len(told) == (name not in PLAIN)
    assert not told or "FaceClassifier(backbone, head)" in told[0]


def test_logits_with_labels_differ_only_where_the_margin_is(name):
    head, (embeddings, labels) = make(name), points()
    head.build(embeddings.shape)
    if name == "SphereFace2Layer":
        head.bias.assign(0.0)  # it lifts the logits of all classes
    plain = ops.convert_to_numpy(head(embeddings))
    with_margin = ops.convert_to_numpy(head(embeddings, labels))
    assert plain.shape == with_margin.shape == (8, 4)
    parts = ops.convert_to_numpy(head(embeddings, parts=True)["logits"])
    np.testing.assert_allclose(plain, parts)
    lower = with_margin - plain < -1e-4
    rows = np.arange(8)
    if name in PLAIN:
        np.testing.assert_allclose(with_margin, plain, atol=1e-6)
    else:
        assert lower[rows, labels].all()


def test_iterations_are_counted_in_training_only(name):
    head, (embeddings, labels) = make(name), points()
    head(embeddings, labels, training=True)
    head(embeddings, labels)
    head(embeddings)
    assert int(head.iteration) == 1


@pytest.mark.parametrize("case", ["zero", "equal", "one sample", "extremes"])
def test_losses_and_gradients_are_finite(name, case):
    head, (embeddings, labels) = make(name), points()
    head.build(embeddings.shape)
    columns = head.kernel.numpy()[:, :: head.kernel_columns // 4].T
    embeddings = {
        "zero": 0 * embeddings,
        "equal": np.repeat(embeddings[:1], 8, axis=0),
        "one sample": embeddings[:1],
        "extremes": np.concatenate(
            [
                1e-20 * embeddings,
                1e4 * embeddings,
                columns[labels],
                -3 * columns[labels],
            ]
        ),
    }[case]
    labels = np.resize(labels, len(embeddings))
    loss, parts = loss_and_gradients(head, embeddings, labels)
    assert np.isfinite(loss)
    for part in parts:
        assert np.isfinite(part).all()


@pytest.mark.quick_cases("*-bfloat16", "AdaFaceLayer-*")
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_embeddings_are_computed_in_float32(name, half):
    head, (embeddings, labels) = make(name), points()
    rounded = ops.cast(embeddings, half)
    logits = head(rounded, labels)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    expected = head(ops.cast(rounded, "float32"), labels)
    np.testing.assert_allclose(
        ops.convert_to_numpy(logits), ops.convert_to_numpy(expected), rtol=1e-6
    )


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_float16"])
def test_heads_are_float32_under_every_policy(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        head = heads.ArcFaceLayer(4)
    finally:
        keras.config.set_dtype_policy(before)
    assert (head.compute_dtype, head.variable_dtype) == ("float32", "float32")


def test_half_precision_is_refused():
    with pytest.raises(ValueError, match="`dtype` must be .* dtype='mixed_float16'"):
        heads.ArcFaceLayer(4, dtype="mixed_float16")


@pytest.mark.quick_cases("ASoftmaxLayer", "AdaFaceLayer", "SphereFace2Layer")
def test_100_000_classes_are_no_matter(name):
    head = make(name, num_classes=100_000)
    embeddings, labels = points(count=2, dim=4), np.array([99_999, 70_000])
    logits = ops.convert_to_numpy(head(embeddings[0], labels))
    plain = ops.convert_to_numpy(head(embeddings[0]))
    assert np.isfinite(logits).all()
    if name not in PLAIN:
        assert (logits[[0, 1], labels] < plain[[0, 1], labels]).all()
    loss, _ = loss_and_gradients(head, embeddings[0], labels)
    assert np.isfinite(loss)


@pytest.mark.parametrize("labels", [[0, 4], [-1, 0]])
def test_a_label_out_of_range_is_named_in_the_error(name, labels):
    head, (embeddings, _) = make(name), points(2)
    with pytest.raises(ValueError, match=r"`labels` must be in \[0, 4\).*from"):
        head(embeddings, np.array(labels))
    with pytest.raises(ValueError, match=r"`labels` must be in \[0, 4\)"):
        head.sample_losses(head(embeddings, parts=True), np.array(labels))


def test_one_class_is_refused(name):
    with pytest.raises(ValueError, match="`num_classes` must be >= 2"):
        make(name, num_classes=1)


def test_config_round_trip_keeps_every_argument(name):
    head = make(name)
    config = keras.saving.serialize_keras_object(head)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(head)
    assert copy.get_config() == head.get_config()
    for argument, value in ARGUMENTS[name].items():
        kept = getattr(copy, argument)
        if argument == "annealing":
            kept, value = kept.get_config(), value.get_config()
        assert kept == value


# Files of a head with a state, with sub-centres and with annealing; the rest are slow.
IN_FILES = ("AdaFaceLayer", "AMSoftmaxLayer", "ASoftmaxLayer")


@pytest.mark.parametrize(
    "name",
    [
        name if name in IN_FILES else pytest.param(name, marks=pytest.mark.slow)
        for name in ARGUMENTS
    ],
)
def test_saving_keeps_weights_and_losses(name, tmp_path):
    embeddings, labels = points()
    inputs, head = keras.Input((6,)), make(name)
    model = keras.Model(inputs, head(inputs))
    loss_and_gradients(head, embeddings, labels)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    for ours, theirs in zip(head.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    expected = loss_and_gradients(head, embeddings, labels)[0]
    actual = loss_and_gradients(loaded, embeddings, labels)[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(None, 7, 6, 8), (6,), (None, None)])
def test_embeddings_of_another_shape_are_named_in_the_error(name, shape):
    with pytest.raises(ValueError, match="`embeddings` must be .* embeddings of shape"):
        make(name).build(shape)


def test_a_config_of_some_arguments_is_enough(name):
    head = getattr(heads, name).from_config({"num_classes": 4})
    assert head.get_config()["num_classes"] == 4


def test_head_that_starts_from_means_tells_the_nearest_one(name):
    head, rng = make(name), np.random.default_rng(3)
    means = rng.normal(size=(4, 6))
    means /= np.sqrt(np.sum(means**2, axis=1, keepdims=True))
    embeddings = rng.normal(size=(200, 6)).astype("float32")
    head.build(embeddings.shape)
    head.start_from(means.astype("float32"))
    cosines = embeddings @ means.T
    ranked = np.sort(cosines, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 0.5  # sub-centres are spread a little
    found = ops.convert_to_numpy(ops.argmax(head(embeddings), axis=1))
    np.testing.assert_array_equal(found[clear], cosines.argmax(axis=1)[clear])
    assert clear.sum() > 100
    kernel = ops.convert_to_numpy(head.kernel)
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1.0, rtol=1e-5)
    assert len(np.unique(kernel, axis=1).T) == head.kernel_columns
