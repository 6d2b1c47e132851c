"""The size of the crops, and the pixels, of a network that goes out and comes back."""

import keras
import pytest

from tf_sphereface.backbones import (
    InceptionResNetV1,
    IResNet,
    MobileFaceNet,
    SphereFaceCNN,
)
from tf_sphereface.errors import InputError
from tf_sphereface.weights import import_weights
from tf_sphereface.weights.exporter import export_weights
from tf_sphereface.weights.files.safetensors_file import (
    read_safetensors,
    write_safetensors,
)


@pytest.mark.quick_cases(
    "keras-sphereface4-SphereFaceCNN-size0",
    "safetensors-sphereface4-SphereFaceCNN-size1",
)
@pytest.mark.parametrize(
    ("form", "name", "make", "size"),
    [
        ("keras", "sphereface4", SphereFaceCNN, (80, 112)),
        ("safetensors", "sphereface4", SphereFaceCNN, (80, 112)),
        ("safetensors", "iresnet18", IResNet, (80, 64)),
        pytest.param(
            *("safetensors", "mobilefacenet", MobileFaceNet, (80, 80)),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("safetensors", "inception_resnet_v1", InceptionResNetV1, (75, 91)),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_size_of_the_crops_comes_back(tmp_path, form, name, make, size):
    depth = {"sphereface4": {"depth": 4}, "iresnet18": {"depth": 18}}.get(name, {})
    height, width = size
    backbone = make(
        **depth, embedding_dim=4, width_multiplier=1 / 32, height=height, width=width
    )
    backbone.save(tmp_path / "a.keras")
    if form == "safetensors":
        export_weights(tmp_path / "a.keras", tmp_path / "a.safetensors")
    report = import_weights(tmp_path / f"a.{form}", name, tmp_path / "b.keras")
    assert keras.models.load_model(tmp_path / "b.keras").input_shape[1:3] == size
    assert (report.arguments["height"], report.arguments["width"]) == size


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("height", "1e3", "`height` must be an integer from 1 to 1024"),
        ("width", "99999999", "`width` must be an integer from 1 to 1024"),
        ("height", "1024", "fc5 must have the shape"),  # or a large network is made
        ("pixel_mean", "nan", "`mean` must be finite"),
        ("pixel_scale", "inf", "`scale` must be positive and finite"),
    ],
)
def test_what_a_file_says_of_its_crops_is_checked(tmp_path, field, value, message):
    SphereFaceCNN(4, 5, 1 / 16).save(tmp_path / "a.keras")
    export_weights(tmp_path / "a.keras", tmp_path / "a.safetensors")
    file = read_safetensors(tmp_path / "a.safetensors")
    tensors = {name: tensor.read() for name, tensor in file.tensors.items()}
    metadata = {**file.metadata, field: value}
    write_safetensors(tensors, tmp_path / "b.safetensors", metadata)
    with pytest.raises(InputError, match=message):
        import_weights(tmp_path / "b.safetensors", "sphereface4", tmp_path / "b.keras")
