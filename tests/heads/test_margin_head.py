"""What every head promises: tests of the contract, once for each head."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface import FaceClassifier, heads
from tf_sphereface.training.distribution import training_strategy

# Each with arguments that are not the defaults.
ARGUMENTS = {
    "SoftmaxLayer": {},
    "NormalizedSoftmaxLayer": {"scale": 8.0},
    "LSoftmaxLayer": {"margin": 3, "annealing": heads.InverseDecayAnnealing(4.0)},
    "ASoftmaxLayer": {"margin": 3, "annealing": heads.InverseDecayAnnealing(4.0)},
    "AMSoftmaxLayer": {"margin": 0.2, "scale": 8.0, "sub_centers": 2},
    "ArcFaceLayer": {"margin": 0.3, "scale": 8.0, "sub_centers": 2},
    "COCOLayer": {"scale": 8.0},
    "SphereFaceRLayer": {"margin": 1.3, "scale": 8.0},
    "SphereFace2Layer": {"margin": 0.2, "scale": 8.0, "balance": 0.6},
    "CurricularFaceLayer": {"margin": 0.3, "scale": 8.0, "rate": 0.1},
    "AdaFaceLayer": {"margin": 0.3, "scale": 8.0, "rate": 0.1},
    "MagFaceLayer": {"norms": (1.0, 5.0), "margins": (0.1, 0.4), "scale": 8.0},
}
PLAIN = ("SoftmaxLayer", "NormalizedSoftmaxLayer", "COCOLayer")


def make(name, num_classes=4, **kwargs):
    keras.utils.set_random_seed(1)
    return getattr(heads, name)(num_classes, **{**ARGUMENTS[name], **kwargs})


def points(count=8, dim=6, classes=4):
    rng = np.random.default_rng(5)
    embeddings = rng.normal(size=(count, dim)).astype("float32")
    return embeddings, rng.integers(0, classes, count)


def loss_and_gradients(head, embeddings, labels):
    embeddings = tf.Variable(embeddings)
    with tf.GradientTape() as tape:
        outputs = head(embeddings, parts=True)
        losses = head.sample_losses(outputs, labels, training=True)
    sources = [embeddings, *(weight.value for weight in head.trainable_weights)]
    return losses.numpy(), tape.gradient(losses, sources)


@pytest.fixture(params=ARGUMENTS)
def name(request):
    return request.param


def test_every_head_is_listed_here():
    found = {name for name in heads.__all__ if name.endswith("Layer")}
    assert set(ARGUMENTS) == found


def test_logits_with_labels_differ_only_where_the_margin_is(name):
    head, (embeddings, labels) = make(name), points()
    plain = head(embeddings).numpy()
    with_margin = head(embeddings, labels).numpy()
    assert plain.shape == with_margin.shape == (8, 4)
    np.testing.assert_allclose(plain, head(embeddings, parts=True)["logits"])
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


@pytest.mark.parametrize(
    "case", ["zero", "tiny", "huge", "equal", "aligned", "opposite", "one sample"]
)
def test_losses_and_gradients_are_finite(name, case):
    head, (embeddings, labels) = make(name), points()
    head.build(embeddings.shape)
    columns = head.kernel.numpy()[:, :: head.kernel_columns // 4].T
    embeddings = {
        "zero": 0 * embeddings,
        "tiny": 1e-20 * embeddings,
        "huge": 1e4 * embeddings,
        "equal": np.repeat(embeddings[:1], 8, axis=0),
        "aligned": columns[labels],
        "opposite": -3 * columns[labels],
        "one sample": embeddings[:1],
    }[case]
    losses, gradients = loss_and_gradients(head, embeddings, labels[: len(embeddings)])
    assert np.isfinite(losses).all()
    for gradient in gradients:
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_embeddings_are_computed_in_float32(name, half):
    head, (embeddings, labels) = make(name), points()
    rounded = tf.cast(embeddings, half)
    logits = head(rounded, labels)
    assert logits.dtype == tf.float32
    expected = head(tf.cast(rounded, tf.float32), labels)
    np.testing.assert_allclose(logits, expected, rtol=1e-6)


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


def test_100_000_classes_are_no_matter(name):
    head = make(name, num_classes=100_000)
    embeddings, labels = points(count=2, dim=4), np.array([99_999, 70_000])
    logits = head(embeddings[0], labels).numpy()
    plain = head(embeddings[0]).numpy()
    assert np.isfinite(logits).all()
    if name not in PLAIN:
        assert (logits[[0, 1], labels] < plain[[0, 1], labels]).all()
    losses, _ = loss_and_gradients(head, embeddings[0], labels)
    assert np.isfinite(losses).all()


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


def test_compiled_losses_are_the_eager_ones(name):
    embeddings, labels = points()
    eager, traced = make(name), make(name)
    for head in (eager, traced):
        head.build(embeddings.shape)

    @tf.function(jit_compile=True)
    def losses(embeddings, labels):
        return traced.sample_losses(traced.forward(embeddings), labels, training=True)

    for _ in range(2):
        expected = eager.sample_losses(
            eager.forward(tf.constant(embeddings)), labels, training=True
        )
        actual = losses(tf.constant(embeddings), tf.constant(labels))
        np.testing.assert_allclose(actual, expected, rtol=2e-4, atol=1e-5)


def test_saving_keeps_weights_and_losses(name, tmp_path):
    embeddings, labels = points()
    inputs, head = keras.Input((6,)), make(name)
    model = keras.Model(inputs, head(inputs))
    loss_and_gradients(head, embeddings, labels)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    for ours, theirs in zip(head.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    expected = loss_and_gradients(head, embeddings, labels)[0]
    actual = loss_and_gradients(loaded, embeddings, labels)[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


# Every way in which a step depends on more than its own samples.
REPLICATED = {
    "caffe": (
        "ASoftmaxLayer",
        {
            "gradient": "caffe",
            "annealing": heads.InverseDecayAnnealing(9.0, 0.02, 1.0, 0.0, "images"),
        },
    ),
    "CurricularFaceLayer": ("CurricularFaceLayer", {}),
    "AdaFaceLayer": ("AdaFaceLayer", {}),
}


@pytest.mark.parametrize("case", REPLICATED)
def test_two_replicas_train_like_one_device(case):
    name, kwargs = REPLICATED[case]
    embeddings, labels = points(count=48)
    dataset = tf.data.Dataset.from_tensor_slices((embeddings, labels)).batch(16)
    results = []
    for strategy in (training_strategy(1), training_strategy(2)):
        with strategy.scope():
            head = make(name, **kwargs)
            backbone = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5)])
            classifier = FaceClassifier(backbone, head)
            classifier.compile(keras.optimizers.SGD(0.02, momentum=0.9))
        classifier.fit(dataset, epochs=2, shuffle=False, verbose=0)
        results.append([weight.numpy() for weight in classifier.weights])
    for alone, mirrored in zip(*results, strict=True):
        np.testing.assert_allclose(mirrored, alone, rtol=1e-3, atol=1e-5)
