"""Records for trainings of seconds."""

import functools

import cv2
import numpy as np
import pytest

from tf_sphereface.data.records.writer import write_records
from tf_sphereface.face_classifier import FaceClassifier


def write_people(folder, people, crops):
    """Crops in FOLDER/aligned, a colour for each person and noise; gives records."""
    rng = np.random.default_rng(0)
    for identity in range(people):
        (folder / "aligned" / f"person {identity}").mkdir(parents=True)
        colour = rng.integers(40, 215, 3)
        for number in range(crops):
            noise = rng.normal(0, 20, (112, 96, 3))
            crop = np.clip(colour + noise, 0, 255).astype(np.uint8)
            name = folder / "aligned" / f"person {identity}" / f"{number:02}.png"
            cv2.imwrite(str(name), crop)
    write_records(folder / "aligned", folder / "records", shards=2)
    return folder / "records"


@pytest.fixture(scope="package")
def records(tmp_path_factory):
    """Four identities of six crops."""
    return write_people(tmp_path_factory.mktemp("faces"), 4, 6)


@pytest.fixture
def eagerly(monkeypatch):
    """Steps that are not compiled: for a few steps, compiling is most of a training."""
    compiling = functools.partialmethod(FaceClassifier.compile, run_eagerly=True)
    monkeypatch.setattr(FaceClassifier, "compile", compiling)
