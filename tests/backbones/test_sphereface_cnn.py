"""Tests for tf_sphereface.backbones.sphereface_cnn."""

import keras
import numpy as np
import pytest
from keras import ops

from tf_sphereface.backbones import SphereFaceCNN, multiply_accumulates


@pytest.mark.parametrize(
    ("depth", "millions", "giga"),
    [
        (4, 12.56, 0.164),
        (10, 15.22, 0.759),
        (20, 22.67, 1.750),
        pytest.param(36, 32.77, 3.335, marks=pytest.mark.slow),
        pytest.param(64, 48.19, 6.110, marks=pytest.mark.slow),
    ],
)
def test_parameters_and_multiply_adds_are_the_papers(depth, millions, giga):
    backbone = SphereFaceCNN(depth)
    assert round(backbone.count_params() / 1e6, 2) == millions
    assert backbone.output_shape == (None, 512)
    assert round(multiply_accumulates(backbone) / 1e9, 3) == giga


def test_stage_sizes_are_56_28_14_7_rows():
    backbone = SphereFaceCNN(4)
    sizes = [backbone.get_layer(f"relu{n}_1").output.shape[1:] for n in (1, 2, 3, 4)]
    assert sizes == [(56, 48, 64), (28, 24, 128), (14, 12, 256), (7, 6, 512)]


def convolve(image, kernel, bias, stride):
    """3 x 3 convolution with one pixel of zeros on every side, in loops."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    rows = (padded.shape[0] - 3) // stride + 1
    columns = (padded.shape[1] - 3) // stride + 1
    out = np.empty((rows, columns, kernel.shape[-1]))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            patch = padded[top : top + 3, left : left + 3]
            out[row, column] = np.tensordot(patch, kernel, axes=3) + bias
    return out


def prelu(values, alpha):
    return np.where(values > 0, values, alpha * values)


def test_forward_pass_equals_a_slow_oracle():
    keras.utils.set_random_seed(0)
    backbone = SphereFaceCNN(
        10,
        embedding_dim=3,
        width_multiplier=1 / 32,
        height=16,
        width=16,
        dtype="float64",
    )
    rng = np.random.default_rng(0)
    for weight in backbone.weights:
        weight.assign(rng.normal(size=weight.shape, scale=0.3))
    image = rng.normal(size=(16, 16, 3))
    tensors = {
        (layer.name, weight.name): weight.numpy()
        for layer in backbone.layers
        for weight in layer.weights
    }
    value = image
    for stage, units in enumerate((0, 1, 2, 0), start=1):
        name = f"{stage}_1"
        kernel, bias = tensors[f"conv{name}", "kernel"], tensors[f"conv{name}", "bias"]
        value = prelu(
            convolve(value, kernel, bias, 2), tensors[f"relu{name}", "alpha"][0, 0]
        )
        for unit in range(units):
            branch = value
            for name in (f"{stage}_{2 * unit + 2}", f"{stage}_{2 * unit + 3}"):
                assert (f"conv{name}", "bias") not in tensors
                branch = convolve(branch, tensors[f"conv{name}", "kernel"], 0.0, 1)
                branch = prelu(branch, tensors[f"relu{name}", "alpha"][0, 0])
            value = value + branch
    expected = value.reshape(-1) @ tensors["fc5", "kernel"] + tensors["fc5", "bias"]
    actual = ops.convert_to_numpy(backbone(image[None]))[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-9)
    assert (expected < 0).any()  # no activation after FC1


def test_initial_weights_are_the_releases():
    keras.utils.set_random_seed(0)
    backbone = SphereFaceCNN(10)
    entry = backbone.get_layer("conv2_1").kernel.numpy()
    bound = np.sqrt(3 / (3 * 3 * 64))  # Caffe's xavier: fan_in only
    assert np.abs(entry).max() <= bound
    assert entry.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    residual = backbone.get_layer("conv3_3").kernel.numpy()
    assert residual.std() == pytest.approx(0.01, rel=0.02)
    dense = backbone.get_layer("fc5").kernel.numpy()
    assert dense.std() == pytest.approx(np.sqrt(1 / dense.shape[0]), rel=0.02)
    alpha = backbone.get_layer("relu3_2").alpha.numpy()
    assert alpha.shape == (1, 1, 256)
    assert (alpha == 0.25).all()


def test_save_and_load_keep_arguments_and_output(tmp_path):
    backbone = SphereFaceCNN(
        4, embedding_dim=8, width_multiplier=0.125, channel_order="BGR"
    )
    backbone.save(tmp_path / "backbone.keras")
    loaded = keras.models.load_model(tmp_path / "backbone.keras")
    assert isinstance(loaded, SphereFaceCNN)
    assert loaded.pixel_contract.channel_order == "BGR"
    images = np.random.default_rng(0).normal(size=(2, 112, 96, 3))
    actual, expected = (ops.convert_to_numpy(m(images)) for m in (loaded, backbone))
    np.testing.assert_array_equal(actual, expected)


def test_a_mixed_policy_survives_saving_and_loading(tmp_path):
    backbone = SphereFaceCNN(
        4, embedding_dim=8, width_multiplier=0.125, dtype="mixed_bfloat16", name="mixed"
    )
    backbone.save(tmp_path / "backbone.keras")
    loaded = keras.models.load_model(tmp_path / "backbone.keras")
    assert loaded.dtype_policy.name == "mixed_bfloat16"
    assert loaded.get_layer("fc5").compute_dtype == "bfloat16"
    assert loaded.get_config()["dtype"] == backbone.get_config()["dtype"]


def test_biases_of_residual_units_and_provenance_are_saved(tmp_path):
    provenance = {"source": "x.pth", "licence": "free"}
    backbone = SphereFaceCNN(
        10, 8, 0.125, residual_bias=True, provenance=provenance, name="imported"
    )
    backbone.get_layer("conv3_3").bias.assign(np.full(32, 0.5))
    backbone.save(tmp_path / "backbone.keras")
    loaded = keras.models.load_model(tmp_path / "backbone.keras")
    assert loaded.provenance == provenance
    bias = ops.convert_to_numpy(loaded.get_layer("conv3_3").bias)
    np.testing.assert_array_equal(bias, np.full(32, 0.5))
    assert SphereFaceCNN(10, 8, 0.125).get_layer("conv3_3").bias is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_norm": True, "residual_bias": True}, "`residual_bias` must be False"),
        ({"depth": 5}, "`depth` must be one of"),
        ({"embedding_dim": 0}, "`embedding_dim` must be >= 1"),
        ({"width_multiplier": 0}, "`width_multiplier` must be positive"),
        ({"channel_order": "GBR"}, "`channel_order` must be"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SphereFaceCNN(**{"depth": 4, **arguments})
