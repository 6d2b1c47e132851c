"""Model files by their paths; nothing is loaded."""

from pathlib import Path

from tf_sphereface.errors import InputError

# What `train` writes into a run folder; the best one only if it was told to validate.
RUN_MODELS = ("best.keras", "last.keras")
# In a run folder: the names of the people it was trained on, one a line.
PEOPLE_FILE = "trained_people.txt"
# In the folder of a quickstart.
QUICKSTART_RUN, QUICKSTART_BUNDLE = "train", "bundle"
TFLITE_SUFFIX = ".tflite"
# In the folder of a bundle or of a SavedModel.
CONTRACT_FILE = "contract.json"


def export_file(path: Path) -> Path:
    """The file of a model that can be exported: as `model_file`, or a `.tflite` file.

    Raises: InputError as `model_file`.
    """
    path = Path(path)
    if path.suffix == TFLITE_SUFFIX and path.is_file():
        return path
    return model_file(path)


def model_file(path: Path) -> Path:
    """The `.keras` file at a path: the file itself, or the best one of a run folder.

    The folder of a quickstart counts as its run.

    Raises: InputError if there is no such file, or the folder is no run.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.is_file():
            raise InputError(f"no such model: {path}")
        if path.suffix != ".keras":
            raise InputError(f"not a .keras model: {path}")
        return path
    if (found := run_model(path)) is None:
        raise InputError(f"not a run folder (no {' or '.join(RUN_MODELS)}): {path}")
    return found


def run_model(path: Path) -> Path | None:
    """The best model of a run folder or of a quickstart's; None if it is neither."""
    folders = (path, path / QUICKSTART_RUN)
    places = (folder / name for folder in folders for name in RUN_MODELS)
    return next((place for place in places if place.is_file()), None)


def trained_people(path: Path) -> frozenset[str]:
    """Names of the people whom a run trained its model on; empty if they are not known.

    Args:
        path: A `.keras` file in a run folder, a run folder, or any other model.
    """
    file = (run_model(path) if path.is_dir() else path) or path
    try:
        names = (file.parent / PEOPLE_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return frozenset()
    return frozenset(names.splitlines())


def bundle_folder(path: Path) -> Path:
    """The folder of a bundle: the path itself, or the bundle of a quickstart.

    Raises: InputError if there is none, with the command that makes one of a run.
    """
    path = Path(path)
    for folder in (path, path / QUICKSTART_BUNDLE):
        if (folder / CONTRACT_FILE).is_file():
            return folder
    cure = ""
    if run_model(path) is not None or path.suffix == ".keras":
        cure = "; make one with `sphereface export tflite`"
    raise InputError(f"not a bundle (no {CONTRACT_FILE}): {path}{cure}")
