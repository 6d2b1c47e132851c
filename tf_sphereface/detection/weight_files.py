"""The trained weights of the `mtcnn` package."""

import importlib.util
from pathlib import Path

from tf_sphereface.errors import InputError

NETWORK_NAMES = ("pnet", "rnet", "onet")


def weight_file(name: str) -> Path:
    """The file of the `mtcnn` package with the weights of "pnet", "rnet" or "onet".

    Raises: InputError if the package or the file is missing.
    """
    spec = importlib.util.find_spec("mtcnn")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        path = Path(folder) / "assets" / "weights" / f"{name}.lz4"
        if path.is_file():
            return path
    raise InputError(
        f"the weights {name}.lz4 of the `mtcnn` package are missing; "
        "install them with: pip install 'mtcnn>=1.0'"
    )
