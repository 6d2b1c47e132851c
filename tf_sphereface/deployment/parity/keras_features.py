"""Features by the Keras model: the reference of exported graphs."""

from pathlib import Path

import keras
import numpy as np

from tf_sphereface.bundle.features import combine
from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.deployment import samples
from tf_sphereface.preprocessing import PixelContract, mirror
from tf_sphereface.similarity import unit_rows

_BATCH = 16


def held_out_crops(pixel_contract: PixelContract, directory: Path | None) -> np.ndarray:
    """Crops to compare an export on, of which no variant takes ranges.

    Args:
        pixel_contract: Says how large they are.
        directory: Folder of aligned faces, a subfolder a person; None: rendered faces.

    Returns: uint8 (crops, height, width, 3), RGB.
    Raises: InputError as `read_samples`.
    """
    if directory is None:
        return samples.rendered_samples(pixel_contract, 0).compared
    return samples.read_samples(directory, pixel_contract, 0).compared


def reference_features(
    backbone: keras.Model,
    pixel_contract: PixelContract,
    crops: np.ndarray,
    feature: FeatureRecord,
) -> np.ndarray:
    """The output that `embedding_graph` must give, by Keras' `predict` and NumPy.

    Args:
        backbone: Built float32 network.
        pixel_contract: Normalises the crops.
        crops: uint8 (crops, height, width, 3), RGB.
        feature: The steps that are inside; crops are normalised either way.

    Returns: Float32 (crops, embedding_dim), twice as wide with mirror "concat".
    """
    faces = pixel_contract.normalize(crops.astype(np.float32))
    features = backbone.predict(faces, batch_size=_BATCH, verbose=0)
    if feature.mirror_inside != "none":
        mirrored = backbone.predict(mirror(faces), batch_size=_BATCH, verbose=0)
        features = combine(features, mirrored, feature.mirror_inside)
    return unit_rows(features) if "l2" in feature.inside else features
