"""Maps from other names to ours, and what is proposed where there is none."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.weights import ports, writers
from tf_sphereface.errors import InputError
from tf_sphereface.weights import import_weights, suggest_weights_map
from tf_sphereface.weights.names import read_name_map

IMAGE = np.random.default_rng(2).normal(size=(112, 96, 3)).astype(np.float32)
SIZES = {"width_multiplier": 1 / 16, "embedding_dim": 8, "residual_bias": True}


@pytest.fixture
def foreign(tmp_path):
    """SphereFace-20 under names that say nothing, and its embedding."""
    state = ports.make_state(ports.sphere20)
    expected = ports.run(ports.sphere20, state, IMAGE)
    renamed = {f"net/{k}": values for k, values in enumerate(state.values())}
    renamed["head"] = np.ones((8, 3), np.float32)
    path = tmp_path / "x.pth"
    path.write_bytes(writers.torch_zip(renamed))
    return path, expected


def test_a_proposed_map_imports_the_file(tmp_path, foreign):
    path, expected = foreign
    proposal = suggest_weights_map(path, "sphereface20", SIZES)
    assert 'drop = ["head"]' in proposal
    assert "# or one of" in proposal  # other tensors have the same shape
    (tmp_path / "map.toml").write_text(proposal)
    out = tmp_path / "model.keras"
    import_weights(path, "sphereface20", out, map_file=tmp_path / "map.toml")
    actual = ops.convert_to_numpy(keras.models.load_model(out)(IMAGE[None]))[0]
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())


def test_without_a_map_the_file_is_refused(tmp_path, foreign):
    path, _ = foreign
    with pytest.raises(InputError, match="no tensor of this network"):
        import_weights(path, "sphereface20", tmp_path / "model.keras", arguments=SIZES)


def test_weights_that_nothing_fits_are_told(foreign):
    path, _ = foreign
    proposal = suggest_weights_map(path, "sphereface36", SIZES)
    assert "# nothing for conv4_4/kernel" in proposal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = [", "not valid TOML"),
        ("other = 1", "Received: 'other'"),
        ('tensors = ["a"]', r"must hold \[tensors\]"),
        ('[tensors]\n"a" = "fc5"', "must map to LAYER/WEIGHT"),
        ('[tensors]\n"a" = "fc5/weight"', "must map to LAYER/WEIGHT"),
        ('[tensors]\n"a" = 3', "must map texts"),
        ("drop = [3]", "must map texts"),
        ('layout = "caffe"', "`layout` must be"),
    ],
)
def test_bad_maps_are_named(tmp_path, text, message):
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_name_map(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[tensors]\n"absent" = "fc5/kernel"', "the map names 'absent'"),
        ('drop = ["absent"]', "the map names 'absent'"),
        (
            '[tensors]\n"net/0" = "fc5/kernel"\n"net/1" = "fc5/kernel"',
            "both mean fc5",
        ),
    ],
)
def test_maps_must_fit_the_file(tmp_path, foreign, text, message):
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        import_weights(
            foreign[0],
            "sphereface20",
            tmp_path / "model.keras",
            map_file=tmp_path / "map.toml",
        )
