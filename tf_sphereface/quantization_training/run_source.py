"""Start of a training: a run folder and the records it was trained on."""

import dataclasses
from pathlib import Path

import keras

import tf_sphereface.embedding_models  # noqa: F401 - registers what a run's files hold
from tf_sphereface.data.records.manifest import MANIFEST_NAME
from tf_sphereface.data.records.writer import verify_records
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.files import sha256_of
from tf_sphereface.foreign.keras_files import check_keras_file
from tf_sphereface.training.recipes.recipe import DataRecipe, read_recipe
from tf_sphereface.training.run_folder import BEST_MODEL, LAST_MODEL, RECIPE, RECORDS


@dataclasses.dataclass(frozen=True)
class RunSource:
    """A trained classifier and how its images were drawn.

    Args:
        checkpoint: The file it is from.
        sha256: Of that file.
        classifier: Backbone, head and metric losses.
        data: `[data]` of the run's recipe.
    """

    checkpoint: Path
    sha256: str
    classifier: FaceClassifier
    data: DataRecipe


def open_source_run(run: Path, checkpoint: str, records: Path) -> RunSource:
    """Reads the run's checkpoint and compares the records with those of the run.

    Args:
        run: Run folder of `sphereface train`.
        checkpoint: "best" or "last".
        records: Folder of record shards.

    Raises: InputError if `run` is no run folder or has no such checkpoint, or the
        records are damaged or others than the run's: labels would mean other people.
    """
    path = checkpoint_of(run, checkpoint)
    recipe = read_recipe(run / RECIPE)
    verify_records(records)
    expected = run / RECORDS
    if expected.exists() and expected.read_text("utf-8").strip() != sha256_of(
        records / MANIFEST_NAME
    ):
        raise InputError(f"{run} was trained on other records than {records}")
    check_keras_file(path)
    try:
        classifier = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file makes Keras raise anything
        raise InputError(f"not a usable Keras model: {path}") from error
    if not isinstance(classifier, FaceClassifier):
        raise InputError(f"{path} is no FaceClassifier: it has no head to train with")
    return RunSource(path, sha256_of(path), classifier, recipe.data)


def checkpoint_of(run: Path, checkpoint: str) -> Path:
    """The file of a run's "best" or "last" model.

    Raises: InputError if `run` is no run folder or has no such model.
    """
    if not (run / RECIPE).is_file():
        raise InputError(f"not a run folder of `sphereface train`: {run}")
    path = run / {"best": BEST_MODEL, "last": LAST_MODEL}[checkpoint]
    if not path.is_file():
        raise InputError(f"the run has no {path.name} yet: {run}")
    return path
