"""One tiny model and one bundle of it with every variant, for all deployment tests."""

import os

import filelock
import keras
import numpy as np
import pytest
from PIL import Image

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.deployment import ExportOptions, export_bundle, load_bundle
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.heads import ASoftmaxLayer
from tf_sphereface.preprocessing import PixelContract


def tiny_backbone(**kwargs):
    keras.utils.set_random_seed(3)
    return SphereFaceCNN(4, embedding_dim=32, width_multiplier=0.125, **kwargs)


@pytest.fixture(scope="session")
def tiny():
    return tiny_backbone


@pytest.fixture(scope="session")
def classifier_file(tmp_path_factory):
    classifier = FaceClassifier(tiny_backbone(), ASoftmaxLayer(num_classes=5))
    classifier(np.zeros((1, 112, 96, 3), np.float32))
    path = tmp_path_factory.mktemp("model") / "classifier.keras"
    classifier.save(path)
    return path


@pytest.fixture(scope="session")
def backbone_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "backbone.keras"
    tiny_backbone().save(path)
    return path


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Makes a folder that all workers of pytest-xdist share."""

    def folder(name, make):
        base = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:
            base = base.parent
        with filelock.FileLock(base / f"{name}.lock"):
            if not (base / name).exists():
                make(base / f"{name}.making")
                (base / f"{name}.making").rename(base / name)
        return base / name

    return folder


@pytest.fixture(scope="session")
def bundle(classifier_file, made_once):
    options = ExportOptions(
        variants=("none", "fp16", "dynamic", "int8", "int8-io"), representative=24
    )
    return load_bundle(
        made_once("bundle", lambda out: export_bundle(classifier_file, out, options))
    )


@pytest.fixture(scope="session")
def crops():
    """Noise with structure at all scales: uint8 (12, 112, 96, 3)."""
    rng, crops = np.random.default_rng(5), np.zeros((12, 112, 96, 3))
    for size in (2, 8, 16):
        noise = rng.uniform(-1, 1, (12, 112 // size, 96 // size, 3))
        crops += noise.repeat(size, axis=1).repeat(size, axis=2)
    return np.clip(127.5 + 60 * crops, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def aligned(made_once):
    """A folder of 40 rendered crops of 20 people."""

    def make(folder):
        for index, face in enumerate(synthetic_faces(PixelContract(), 20, 2)):
            place = folder / f"person{index // 2:02d}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(face.crop).save(place / f"{index % 2}.png")

    return made_once("aligned", make)
