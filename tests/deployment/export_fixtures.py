"""The detector of exported bundles, made and compared once for all tests."""

import pytest

from tf_sphereface.deployment import export
from tf_sphereface.deployment.detector_photos import rendered_photos
from tf_sphereface.deployment.detector_variants import make_detectors


@pytest.fixture(scope="session")
def detectors(tmp_path_factory):
    """The real thing, on few photos."""
    folder = tmp_path_factory.mktemp("detectors")
    return make_detectors(folder, ("none",), rendered_photos(4, 24))


def take_detectors(patch, detectors):
    """`export_bundle` takes the float detector that is there already."""

    def made(directory, variants, photos):
        assert tuple(variants) == ("none",)
        return detectors

    patch.setattr(export, "make_detectors", made)
    patch.setattr(export, "rendered_photos", lambda: None)


@pytest.fixture
def one_detector(detectors, monkeypatch):
    """As `take_detectors`, for one test."""
    take_detectors(monkeypatch, detectors)
