"""Networks for other crops than 112 x 96, from weights or photos to a match."""

import json

import cv2
import keras
import numpy as np
import pytest
from PIL import Image

from tests.weights import ports, writers
from tf_sphereface.commands.main import main
from tf_sphereface.data.records.manifest import read_manifest
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.deployment import load_bundle

# InsightFace's five points for 112 x 112.
TEMPLATE = np.float64(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366]]
    + [[41.5493, 92.3655], [70.7299, 92.2041]]
)
NETWORKS = {
    "mobilefacenet": (ports.mobilefacenet, "068.ckpt"),
    "iresnet18": (ports.iresnet18, "backbone.pth"),
}


def run(*arguments):
    return main([str(argument) for argument in arguments])


def feature(model, photo, landmarks, template):
    """Embeddings of crop and mirror image: warp, pixels and order written out here."""
    points = [np.asarray(p, np.float64) @ (1, 1j) for p in (landmarks, template)]
    source, target = (p - p.mean() for p in points)
    turn = (np.conj(source) @ target) / np.square(np.abs(source)).sum()
    shift = points[1].mean() - turn * points[0].mean()
    matrix = np.float64(
        [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]
    )
    crop = cv2.warpAffine(photo, matrix, (112, 112), flags=cv2.INTER_LINEAR)
    faces = (np.stack([crop, crop[:, ::-1]]).astype(np.float32) - 127.5) / 128
    return model.predict(faces, verbose=0).astype(np.float64).ravel()


def cosine(first, second):
    return first @ second / np.linalg.norm(first) / np.linalg.norm(second)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(1)
    for number in (0, 1):
        photo = render_photo(sample_identity(rng), sample_capture(rng, 5.0)).image
        Image.fromarray(photo).save(folder / f"{number}.png")
    return [folder / "0.png", folder / "1.png"]


@pytest.mark.parametrize(
    "name", ["iresnet18", pytest.param("mobilefacenet", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_published_weights_for_square_crops_match_photos(
    name, photos, tmp_path, capsys
):
    network, file = NETWORKS[name]
    state = ports.make_state(network, image=(3, 112, 112))
    for part in (part for part in state if part.endswith(("bias", "running_mean"))):
        state[part][:] = 0  # else random constants outweigh what the photos differ in
    content = writers.torch_zip(state, wrap=lambda tensors: {"state_dict": tensors})
    (tmp_path / file).write_bytes(content)
    model, bundle = tmp_path / "model.keras", tmp_path / "bundle"
    assert (
        run("import-weights", tmp_path / file, "--backbone", name, "--out", model) == 0
    )
    assert run("export", "tflite", model, "--out", bundle) == 0
    capsys.readouterr()
    assert run("match", bundle, *photos) == 0
    score = json.loads(capsys.readouterr().out)["score"]

    loaded = load_bundle(bundle)
    assert (loaded.contract.pixels.height, loaded.contract.pixels.width) == (112, 112)
    np.testing.assert_allclose(loaded.contract.landmark_template, TEMPLATE, atol=1e-9)
    pixels = [np.asarray(Image.open(path)) for path in photos]
    faces = [found[0].landmarks for found in loaded.detector().detect(pixels)]
    backbone = keras.models.load_model(model)

    def score_on(template):
        pairs = zip(pixels, faces, strict=True)
        return cosine(*(feature(backbone, *pair, template) for pair in pairs))

    assert score == pytest.approx(score_on(TEMPLATE), abs=2e-4)
    # One pixel beside it is another score: this test can tell.
    assert abs(score - score_on(TEMPLATE - 1)) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone",
    [
        {"name": "inception_resnet_v1", "width_multiplier": 0.0625},
        {
            "name": "keras_application",
            "application": "MobileNetV2",
            "height": 160,
            "width": 160,
            "options": {"alpha": 0.35},
        },
    ],
    ids=lambda backbone: backbone["name"],
)
def test_photos_become_a_network_for_crops_of_160(backbone, tmp_path, capsys):
    photos, aligned, records = (tmp_path / name for name in ("p", "a", "r"))
    people = ("--identities", 3, "--images", 3)
    assert run("synthesize", "--out", photos, *people, "--seed", 1) == 0
    landmarks = ("--landmarks", photos / "landmarks.csv")
    size = ("--size", "160x160")
    assert run("align", photos, "--out", aligned, *landmarks, *size) == 0
    assert run("records", aligned, "--out", records, "--shards", 1) == 0
    crop = read_manifest(records).crop
    assert (crop.height, crop.width) == (160, 160)
    recipe, folder = tmp_path / "recipe.toml", tmp_path / "run"
    from tf_sphereface.training.recipes.recipe import Recipe

    sections = {
        "backbone": {"embedding_dim": 8, **backbone},
        "data": {"batch_size": 4},
        "optimizer": {"boundaries": []},
        "schedule": {"steps": 2, "steps_per_epoch": 1},
    }
    recipe.write_text(Recipe.model_validate(sections).to_toml())
    train = ("train", recipe, "--records", records, "--run", folder)
    capsys.readouterr()
    small = ("--set", "backbone.height=112", "--set", "backbone.width=96")
    assert run(*train, *small) == 2
    assert "takes crops of 112 x 96 pixels, the records hold 160 x 160: set" in (
        capsys.readouterr().err
    )
    assert run(*train) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 2
    trained = keras.models.load_model(folder / "last.keras").backbone
    assert trained.input_shape == (None, 160, 160, 3)
