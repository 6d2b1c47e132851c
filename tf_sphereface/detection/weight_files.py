"""Where the trained weights are, and where the exported networks are kept.

Nothing here loads Keras or TensorFlow, unless the networks must be exported.
"""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.native_messages import load_tensorflow

NETWORK_NAMES = ("pnet", "rnet", "onet")
# Counted up when `networks.py` changes what it writes, so that no old file is used.
_EXPORT_VERSION = 1


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


def cached_networks() -> Path:
    """The folder with the exported networks; made on the first call of a user.

    The folder is in the user's cache ($XDG_CACHE_HOME or ~/.cache) and is renamed into
    place when it is whole: processes that start together do not disturb each other.

    Raises: InputError if the weights are missing; OSError if the cache is not writable.
    """
    digest = hashlib.sha256(str(_EXPORT_VERSION).encode())
    for name in NETWORK_NAMES:
        digest.update(weight_file(name).read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "tf_sphereface" / f"detector-{digest.hexdigest()[:16]}"
    if not folder.is_dir():
        _export_into(folder)
    return folder


def _export_into(folder: Path) -> None:
    load_tensorflow()
    from tf_sphereface.detection.networks import export_detector

    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        export_detector(temporary)
        os.chmod(temporary, 0o755)
        os.rename(temporary, folder)
    except OSError:
        # Another process was first: its files are as good as ours.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
