"""Tests for tf_sphereface.backbones.stages and `frozen_stages`."""

import keras
import numpy as np
import pytest

from tests.backbones.test_backbone import (
    ALL_BUT_THE_LARGEST,
    build,
    built,
    images_for,
    names,
)
from tf_sphereface.backbones import SphereFaceCNN, stages


@pytest.mark.parametrize("name", names(*ALL_BUT_THE_LARGEST))
def test_stages_hold_each_layer_with_weights_once_from_the_image_on(name):
    backbone = built(name)
    groups = stages(backbone)
    listed = [layer.name for group in groups for layer in group]
    assert sorted(listed) == sorted(
        layer.name for layer in backbone.layers if layer.weights
    )
    rows = [
        [layer.output.shape[1] for layer in group if len(layer.output.shape) == 4]
        for group in groups
    ]
    for above, below in zip(rows, rows[1:], strict=False):
        assert not below or min(above) > max(below)
        assert max(above) < 2.1 * min(above)  # one resolution, but for padding
    assert groups[-1][-1].output.shape[-1] == backbone.output.shape[-1]
    assert len(groups) >= 4


def test_stages_of_sphereface_are_the_papers():
    groups = stages(SphereFaceCNN(10, width_multiplier=1 / 16, embedding_dim=8))
    for number, group in enumerate(groups[:-1], start=1):
        digits = {layer.name.lstrip("convrelu")[0] for layer in group}
        assert digits == {str(number)}
    assert [layer.name for layer in groups[-1]] == ["fc5"]


@pytest.mark.parametrize(
    "name",
    [pytest.param("keras_application", marks=pytest.mark.slow), "sphereface_cnn"],
)
def test_frozen_stages_are_saved_and_can_be_freed(name, tmp_path):
    backbone = build(name, frozen_stages=2)
    frozen, *_ = stages(backbone)
    assert not any(layer.trainable_variables for layer in frozen)
    backbone.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.frozen_stages == 2
    expected = [variable.path for variable in backbone.trainable_variables]
    assert [variable.path for variable in loaded.trainable_variables] == expected
    loaded.frozen_stages = 0
    assert len(loaded.trainable_variables) > len(expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", names("sphereface_cnn", "iresnet", "mobilefacenet"))
def test_layers_that_were_frozen_by_hand_stay_so(name):
    """As in plain Keras; within a frozen stage one may be freed, too."""
    backbone = build(name, frozen_stages=1)
    learning = [layer for layer in backbone.layers if layer.weights]
    for layer in learning[3:-1:2]:
        layer.trainable = False
    learning[0].trainable = True
    for variable in backbone.fixed_weights():
        variable.trainable = False
    config = keras.saving.serialize_keras_object(backbone)
    loaded = keras.saving.deserialize_keras_object(config)
    expected = [variable.path for variable in backbone.trainable_variables]
    assert [variable.path for variable in loaded.trainable_variables] == expected
    assert loaded.frozen_stages == 1
    backbone.trainable = False
    loaded = type(backbone).from_config(backbone.get_config())
    assert not loaded.trainable_variables
    with pytest.raises(ValueError, match="`frozen_layers` must name layers of"):
        build(name, frozen_layers=["no_layer"])


def test_frozen_batch_norm_keeps_its_statistics():
    backbone = build("mobilefacenet", frozen_stages=1)
    first, second = stages(backbone)[:2]
    before = [layer.get_weights() for layer in (*first, *second)]
    backbone(images_for(backbone), training=True)
    after = [layer.get_weights() for layer in (*first, *second)]
    same = [
        all(map(np.array_equal, one, other))
        for one, other in zip(before, after, strict=True)
    ]
    assert all(same[: len(first)])
    norms = [isinstance(x, keras.layers.BatchNormalization) for x in second]
    assert [not kept for kept in same[len(first) :]] == norms


@pytest.mark.parametrize("count", [-1, 99, 1.5, True, None])
def test_number_of_stages_is_checked(count):
    with pytest.raises(ValueError, match=f"frozen_stages={count}"):
        build("sphereface_cnn", frozen_stages=count)
