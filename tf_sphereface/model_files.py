"""Model files by their paths; nothing is loaded."""

from pathlib import Path

from tf_sphereface.errors import InputError

# What `train` writes into a run folder; the best one only if it was told to validate.
RUN_MODELS = ("best.keras", "last.keras")
# In the folder of a bundle or of a SavedModel.
CONTRACT_FILE = "contract.json"


def model_file(path: Path) -> Path:
    """The `.keras` file at a path: the file itself, or the best one of a run folder.

    Raises: InputError if there is no such file, or the folder is no run.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.is_file():
            raise InputError(f"no such model: {path}")
        if path.suffix != ".keras":
            raise InputError(f"not a .keras model: {path}")
        return path
    for name in RUN_MODELS:
        if (path / name).is_file():
            return path / name
    raise InputError(f"not a run folder (no {' or '.join(RUN_MODELS)}): {path}")
