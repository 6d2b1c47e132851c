"""Face detection: MTCNN on the LiteRT interpreter, without TensorFlow."""

from collections.abc import Mapping
from pathlib import Path

from tf_sphereface.detection.cascade import (
    EARLIER_RULES,
    MTCNN,
    MTCNNSettings,
    Networks,
)
from tf_sphereface.detection.consensus import LANDMARK_RULES
from tf_sphereface.detection.face import (
    SECOND_LOOK,
    Face,
    FaceDetector,
    nearest_to_centre,
)
from tf_sphereface.detection.litert_networks import LiteRTNetworks
from tf_sphereface.detection.network_cache import cached_networks
from tf_sphereface.detection.weight_files import NETWORK_NAMES

__all__ = [
    "EARLIER_RULES",
    "LANDMARK_RULES",
    "MTCNN",
    "NETWORK_NAMES",
    "Face",
    "FaceDetector",
    "LiteRTNetworks",
    "MTCNNSettings",
    "Networks",
    "SECOND_LOOK",
    "cached_networks",
    "load_detector",
    "nearest_to_centre",
]


def load_detector(
    networks: Path | Mapping[str, bytes] | None = None,
    settings: MTCNNSettings | None = None,
    threads: int = 1,
) -> MTCNN:
    """The face detector, ready to use.

    Args:
        networks: Folder or contents of the three networks, as for `LiteRTNetworks`.
            None takes the user's cache, which is filled on the first call (some
            seconds, with TensorFlow) and never again.
        settings: What to look for; None is `MTCNNSettings()`.
        threads: CPU threads of the networks.

    Raises: InputError if a network is missing or damaged; OSError if the cache is not
        writable.
    """
    networks = cached_networks() if networks is None else networks
    return MTCNN(LiteRTNetworks(networks, threads), settings)
