"""The folder of one training: its recipe, its records and its lock."""

import contextlib
import json
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import keras
import tensorflow as tf

from tf_sphereface.data.records.manifest import MANIFEST_NAME, read_manifest
from tf_sphereface.errors import InputError
from tf_sphereface.files import (
    entries,
    folder_inside,
    remove_torn_files,
    sha256_of,
    write_atomically,
)
from tf_sphereface.folder_lock import only_process
from tf_sphereface.model_files import PEOPLE_FILE
from tf_sphereface.training.recipes.recipe import Recipe, read_recipe

BACKUP, BEST_MODEL, LAST_MODEL = "backup/state.weights.h5", "best.keras", "last.keras"
HISTORY, LOGS, NOT_FINITE = "history.csv", "logs", "not_finite.txt"
ANGLE_LOGS = "logs/angles"
STAGE = "stage"  # folders of earlier stages, with a number
RECIPE, RECORDS = "recipe.toml", "records.sha256"
_ENVIRONMENT, _LOCK = "environment.json", ".lock"
_INITIAL = "initial_weights.sha256"
_OTHER = {
    RECIPE: "another recipe",
    RECORDS: "other records",
    PEOPLE_FILE: "other people",
    _INITIAL: "other initial weights",
}
_PACKAGES = ("tf-sphereface", "tensorflow", "keras", "numpy")


@contextlib.contextmanager
def open_run(run: Path, recipe: Recipe, records: Path) -> Iterator[None]:
    """Makes the run folder, or checks that it is of this recipe and these records.

    No other process trains in the folder meanwhile.

    Raises: InputError if it is of another recipe, other records or other initial
        weights, is no run folder, or another process has it.
    """
    people = read_manifest(records).identities
    contents = {
        RECIPE: recipe.stated().to_toml().encode(),
        RECORDS: sha256_of(records / MANIFEST_NAME).encode(),
        PEOPLE_FILE: "".join(f"{name}\n" for name in people).encode(),
    }
    if recipe.fine_tuning is not None:
        contents[_INITIAL] = sha256_of(recipe.fine_tuning.initial_file).encode()
    if run.exists() and not run.is_dir():
        raise InputError(f"{run} exists and is not a run folder")
    if not (run / RECIPE).exists() and _has_foreign_files(run):
        raise InputError(f"{run} exists and is not a run folder")
    for folder in (
        (run / BACKUP).parent,
        run / LOGS,
        run / LOGS / "train",
        run / ANGLE_LOGS,
    ):
        with contextlib.suppress(FileNotFoundError), folder_inside(folder):
            pass  # of a run from elsewhere, it may be a link
    (run / BACKUP).parent.mkdir(parents=True, exist_ok=True)
    with only_process(run / _LOCK, run):
        for folder in (run, (run / BACKUP).parent):
            remove_torn_files(folder)
        _agree(run, contents, recipe)
        yield


def _agree(run: Path, contents: dict[str, bytes], recipe: Recipe) -> None:
    if (run / RECIPE).exists():
        for name, content in contents.items():
            path = run / name
            if not path.exists() or path.read_bytes() == content:
                continue
            # Earlier versions wrote the same recipe under other keys; and a run folder
            # may be moved, with its stages that a later one begins with.
            if name != RECIPE or not _same(read_recipe(path), recipe):
                raise InputError(
                    f"{run} holds a training of {_OTHER[name]}; choose another folder"
                )
        return
    environment = json.dumps(_environment(), indent=2) + "\n"
    write_atomically(run / _ENVIRONMENT, environment.encode())
    text = contents.pop(RECIPE)
    for name, content in contents.items():
        write_atomically(run / name, content)
    write_atomically(run / RECIPE, text)  # last: it makes the run


def _same(recipe: Recipe, other: Recipe) -> bool:
    return recipe.without_places() == other.without_places()


def check_records(run: Path, records: Path) -> None:
    """Raises InputError if a run was trained on other records, or they are unusable."""
    read_manifest(records)
    trained = run / RECORDS
    if trained.exists() and trained.read_text() != sha256_of(records / MANIFEST_NAME):
        raise InputError(f"{run} was trained on other records than {records}")


def _has_foreign_files(run: Path) -> bool:
    """True if there is more than a run leaves that was killed in its first moments."""
    ours = {
        RECORDS,
        PEOPLE_FILE,
        _INITIAL,
        _ENVIRONMENT,
        _LOCK,
        Path(BACKUP).parent.name,
    }
    return run.exists() and any(
        path.name not in ours
        and ".tmp." not in path.name
        and not (path.name.startswith(STAGE) and (path / RECIPE).exists())
        for path in entries(run)
    )


def _environment() -> dict:
    packages, devices = _PACKAGES, tf.config.list_logical_devices()
    kinds = [device.device_type for device in devices]
    backend = keras.backend.backend()
    if backend == "jax":
        packages += ("jax",)
        devices = keras.distribution.list_devices()
        kinds = [name.split(":")[0].upper() for name in devices]
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "backend": backend,
        "devices": kinds,
        "packages": {name: metadata.version(name) for name in packages},
    }
