"""Tests of ASoftmaxLayer(gradient="caffe") against the release's backward pass."""

import keras
import numpy as np
import pytest
from keras import ops

from tf_sphereface import FaceClassifier
from tf_sphereface.heads import ASoftmaxLayer, InverseDecayAnnealing, StagedMargin

DEGREES = [10, 50, 80, 100, 130, 170]


def psi_terms(margin, cos):
    """The release's polynomials: psi and its derivative by the cosine.

    Written out for each margin with the signs of its layer, not by recurrence.
    """
    theta = np.arccos(cos)
    k = min(int(margin * theta / np.pi), margin - 1)
    sign = (-1.0) ** k
    if margin == 1:
        return cos, 1.0
    if margin == 2:
        return sign * (2 * cos**2 - 1) - 2 * k, sign * 4 * cos
    if margin == 3:
        return sign * (4 * cos**3 - 3 * cos) - 2 * k, sign * (12 * cos**2 - 3)
    return (
        sign * (8 * cos**4 - 8 * cos**2 + 1) - 2 * k,
        sign * (32 * cos**3 - 16 * cos),
    )


def release_backward(embeddings, kernel, labels, margin, lambda_):
    """Forward and backward of the release, one sample and one class at a time.

    Returns: mean loss, its "gradient" by embeddings and by the class weights.
    """
    weights = kernel / np.linalg.norm(kernel, axis=0)
    d_embeddings, d_weights = np.zeros_like(embeddings), np.zeros_like(kernel)
    loss, count = 0.0, len(embeddings)
    for row, (x, label) in enumerate(zip(embeddings, labels, strict=True)):
        norm = np.linalg.norm(x)
        logits = x @ weights
        cos = logits[label] / norm
        psi, slope = psi_terms(margin, cos)
        logits[label] = norm * (psi + lambda_ * cos) / (1 + lambda_)
        powers = np.exp(logits - logits.max())
        probabilities = powers / powers.sum()
        loss -= np.log(probabilities[label]) / count
        for column in range(kernel.shape[1]):
            g = (probabilities[column] - (column == label)) / count
            weight = weights[:, column]
            d_weights[:, column] += g * x
            if column != label:
                d_embeddings[row] += g * weight
                continue
            coeff_w, coeff_x = slope, (psi - cos * slope) / norm
            length = np.sqrt(coeff_w**2 + coeff_x**2)
            direction = coeff_w / length * weight + coeff_x / length * x
            d_embeddings[row] += g * (direction + lambda_ * weight) / (1 + lambda_)
    return loss, d_embeddings, d_weights


def caffe_head(margin=4, lambda_=0.0, dtype="float64"):
    annealing = InverseDecayAnnealing(lambda_, gamma=0.0, minimum=0.0)
    return ASoftmaxLayer(
        5, margin=margin, annealing=annealing, gradient="caffe", dtype=dtype
    )


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
@pytest.mark.parametrize("lambda_", [0.0, 5.0])
def test_loss_and_gradients_are_the_releases(
    batch, place, head_gradients, margin, lambda_
):
    embeddings, labels = batch
    head = caffe_head(margin, lambda_)
    kernel = place(head, embeddings, labels, DEGREES)
    weight = 0.0 if margin == 1 else lambda_
    loss, *expected = release_backward(embeddings, kernel, labels, margin, weight)
    actual_loss, actual = head_gradients(head, embeddings, labels)
    assert actual_loss == pytest.approx(loss, rel=1e-12)
    for ours, release in zip(actual, expected, strict=True):
        np.testing.assert_allclose(ours, release, rtol=1e-10, atol=1e-12)


def test_logits_are_those_of_the_autodiff_head(batch, place):
    embeddings, labels = batch
    head = caffe_head(4, 5.0)
    kernel = place(head, embeddings, labels, DEGREES)
    other = ASoftmaxLayer(
        5, annealing=InverseDecayAnnealing(5.0, 0.0, minimum=0.0), dtype="float64"
    )
    other.build(embeddings.shape)
    other.kernel.assign(kernel)
    for given in (labels, None):
        actual = ops.convert_to_numpy(head(embeddings, given))
        expected = ops.convert_to_numpy(other(embeddings, given))
        np.testing.assert_allclose(actual, expected, rtol=1e-13)


def test_staged_margin_has_the_gradient_of_its_stage(batch, place, head_gradients):
    embeddings, labels = batch
    staged = StagedMargin((1, 4), (0, 2))
    head = ASoftmaxLayer(
        5, margin=staged, annealing=None, gradient="caffe", dtype="float64"
    )
    kernel = place(head, embeddings, labels, DEGREES)
    for iteration, margin in ((1, 1), (2, 4)):
        head.iteration.assign(iteration)
        _, expected, _ = release_backward(embeddings, kernel, labels, margin, 0.0)
        actual = head_gradients(head, embeddings, labels)[1][0]
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cosine", [1.0, -1.0, 0.0])
def test_gradient_is_finite_at_the_edges(head_gradients, cosine):
    head = caffe_head(dtype="float32")
    embeddings = np.zeros((1, 4), np.float32)
    head.build(embeddings.shape)
    head.kernel.assign(np.eye(4, 5) + 0.1)
    embeddings[0] = cosine * head.kernel.numpy()[:, 1]  # 0: the zero embedding
    for part in head_gradients(head, embeddings, np.array([1]))[1]:
        assert np.isfinite(part).all()


def test_kernel_stays_at_unit_length_in_training():
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    head = ASoftmaxLayer(4, margin=2, gradient="caffe")
    classifier = FaceClassifier(keras.Sequential([keras.layers.Dense(6)]), head)
    classifier.compile(keras.optimizers.SGD(0.5, momentum=0.9))
    images, labels = rng.normal(size=(32, 5)), rng.integers(0, 4, 32)
    classifier(images[:1])
    lengths = [np.linalg.norm(head.kernel.numpy(), axis=0)]
    classifier.fit(images.astype("float32"), labels, batch_size=8, verbose=0)
    lengths.append(np.linalg.norm(head.kernel.numpy(), axis=0))
    np.testing.assert_allclose(lengths, np.ones((2, 4)), rtol=1e-5)


def test_config_keeps_the_gradient():
    copy = ASoftmaxLayer.from_config(caffe_head().get_config())
    assert copy.gradient == "caffe"


def test_unknown_gradient_and_scale_with_caffe_are_refused():
    with pytest.raises(ValueError, match="`gradient` must be .* gradient='torch'"):
        ASoftmaxLayer(5, gradient="torch")
    with pytest.raises(ValueError, match="`scale` must be None with gradient='caffe'"):
        ASoftmaxLayer(5, gradient="caffe", scale=30.0)
