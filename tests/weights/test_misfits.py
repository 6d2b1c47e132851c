"""Files of weights that are sound and do not fit: refused, whole, unless asked."""

import keras
import numpy as np
import pytest

from tests.weights import ports, writers
from tf_sphereface.errors import InputError
from tf_sphereface.weights import import_weights


def test_wrong_shapes_are_named(refuse, state):
    state["relu2_1.weight"] = np.ones(5, np.float32)
    message = refuse(writers.torch_zip(state))
    assert "relu2_1.weight must have the shape (4,)" in message
    state["relu2_1.weight"] = np.ones(4, np.float32)
    state["conv2_1.weight"] = np.swapaxes(state["conv2_1.weight"], 0, 1).copy()
    assert "proportions" in refuse(writers.torch_zip(state))


def test_a_huge_network_is_not_made_for_a_small_file(refuse, state):
    state["fc5.weight"] = np.ones((100_000, 1), np.float32)
    assert "fc5 must have the shape (100000, 672)" in refuse(writers.torch_zip(state))


def test_squares_are_told_by_the_file_and_other_crops_by_the_user(tmp_path, state):
    for cells, told, size in ((49, {}, (112, 112)), (35, {"height": 80}, (80, 112))):
        state["fc5.weight"] = np.ones((5, cells * 16), np.float32)
        (tmp_path / "x.pth").write_bytes(writers.torch_zip(state))
        out = tmp_path / f"{cells}.keras"
        told = told and {**told, "width": 112}
        import_weights(tmp_path / "x.pth", "sphereface4", out, arguments=told)
        assert keras.models.load_model(out).input_shape[1:3] == size


@pytest.mark.parametrize("name", ["conv1_1.bias", "relu3_1.weight", "fc5.weight"])
def test_a_missing_tensor_is_named(refuse, state, name):
    del state[name]
    options = {"arguments": {"width_multiplier": 1 / 32, "embedding_dim": 5}}
    message = refuse(writers.torch_zip(state), **options)
    assert "1 weights get nothing" in message
    assert name.partition(".")[0] in message


def test_the_tensors_of_a_deeper_network_are_not_left_out(refuse):
    content = writers.torch_zip(ports.make_state(ports.sphere20))
    message = refuse(content, backbone="sphereface10")
    assert "tensors have no place" in message
    assert "conv1_2.weight" in message


def test_two_names_of_one_weight_are_ambiguous(refuse, state):
    state["conv1.1.weight"] = state["conv1_1.weight"]
    assert "ambiguous" in refuse(writers.torch_zip(state))


def test_numbers_that_are_no_weights_are_refused(refuse, state):
    state["fc5.bias"][2] = np.nan
    assert "must be finite" in refuse(writers.torch_zip(state))
    state["fc5.bias"] = np.ones(5, np.int64)
    assert "Received: fc5.bias of int64" in refuse(writers.torch_zip(state))


def test_what_fits_is_taken_if_asked(tmp_path, state):
    del state["fc5.bias"]
    state["extra.weight"] = np.ones(3, np.float32)
    source = tmp_path / "x.pth"
    source.write_bytes(writers.torch_zip(state))
    arguments = {"width_multiplier": 1 / 32, "embedding_dim": 5}
    out = tmp_path / "model.keras"
    report = import_weights(
        source, "sphereface4", out, arguments=arguments, partial=True
    )
    assert report.missing == ["fc5/bias"]
    [left] = [row for row in report.rows if row.target is None]
    assert left.source == "extra.weight"
    assert out.is_file()


def test_a_model_that_is_there_is_kept(tmp_path, state):
    (tmp_path / "x.pth").write_bytes(writers.torch_zip(state))
    out = tmp_path / "model.keras"
    out.write_bytes(b"mine")
    with pytest.raises(InputError, match="--out must be new"):
        import_weights(tmp_path / "x.pth", "sphereface4", out)
    assert out.read_bytes() == b"mine"


PROTOTXT = """name: "net" input: "data" input_dim: 1
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 } } }
layer { name: "conv1_1" type: "Convolution" bottom: "data" param { lr_mult: 1 }
  convolution_param { num_output: %d kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "%s" type: "PReLU" }
"""


def test_a_prototxt_is_checked(refuse, state, tmp_path):
    path, content = tmp_path / "net.prototxt", writers.caffe_bytes(state)
    path.write_text(PROTOTXT % (3, "relu1_1"))
    message = refuse(content, "x.caffemodel", prototxt=path)
    assert "conv1_1 has 3 outputs there. Received: (2, 3, 3, 3)" in message
    path.write_text(PROTOTXT % (2, "relu1_2"))
    message = refuse(content, "x.caffemodel", prototxt=path)
    assert "relu1_2 is a PReLU there. Received: no such layer" in message
    path.write_text("layer {" * 3000)
    assert "not a prototxt" in refuse(content, "x.caffemodel", prototxt=path)
    path.write_text(PROTOTXT % (2, "relu1_1"))
    out = tmp_path / "model.keras"
    import_weights(tmp_path / "x.caffemodel", "sphereface4", out, prototxt=path)
    assert out.is_file()
