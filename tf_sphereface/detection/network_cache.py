"""Cache of the detector's exported networks.

Nothing here loads Keras or TensorFlow, unless the networks must be exported.
"""

import hashlib
from pathlib import Path

from tf_sphereface.detection.weight_files import NETWORK_NAMES, weight_file
from tf_sphereface.files import user_cache
from tf_sphereface.native_messages import load_tensorflow
from tf_sphereface.whole_folders import make_once

# Counted up when `networks.py` changes what it writes, so that no old file is used.
_EXPORT_VERSION = 2


def cached_networks() -> Path:
    """The folder with the exported networks; made on the first call of a user.

    The folder is in the user's cache ($XDG_CACHE_HOME or ~/.cache) and is renamed into
    place when it is whole: processes that start together do not disturb each other.
    Files that were removed or emptied are made anew.

    Raises: InputError if the weights are missing; OSError if the cache is not writable.
    """
    digest = hashlib.sha256(str(_EXPORT_VERSION).encode())
    for name in NETWORK_NAMES:
        digest.update(weight_file(name).read_bytes())
    folder = user_cache() / f"detector-{digest.hexdigest()[:16]}"
    make_once(folder, [f"{name}.tflite" for name in NETWORK_NAMES], _export)
    return folder


def _export(folder):
    load_tensorflow()
    from tf_sphereface.detection.networks import export_detector

    export_detector(folder)
