"""Tests for tf_sphereface.model_files."""

import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.sources import found_model
from tf_sphereface.model_files import (
    bundle_folder,
    model_file,
    run_model,
    trained_people,
)


@pytest.fixture
def quickstart(tmp_path):
    """Names of the files that a quickstart leaves."""
    for name in ("train/last.keras", "train/best.keras", "bundle/contract.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "train" / "trained_people.txt").write_bytes("Zoë\nAda\n".encode())
    return tmp_path


def test_a_quickstart_counts_as_its_run_and_its_bundle(quickstart):
    best = quickstart / "train" / "best.keras"
    assert model_file(quickstart) == model_file(quickstart / "train") == best
    assert found_model(quickstart) == run_model(quickstart) == best
    bundle = quickstart / "bundle"
    assert bundle_folder(quickstart) == bundle_folder(bundle) == bundle


def test_a_run_is_no_bundle_and_the_message_says_how_to_make_one(quickstart):
    for model in (quickstart / "train", quickstart / "train" / "last.keras"):
        with pytest.raises(InputError, match="no contract.json.*export tflite"):
            bundle_folder(model)
    with pytest.raises(InputError, match="no contract.json.: [^;]*$"):
        bundle_folder(quickstart / "absent")


def test_people_of_a_run_are_known_by_any_of_its_paths(quickstart):
    for path in (quickstart, quickstart / "train", quickstart / "train/last.keras"):
        assert trained_people(path) == {"Zoë", "Ada"}
    for path in (quickstart / "bundle", quickstart / "absent.keras"):
        assert trained_people(path) == frozenset()
