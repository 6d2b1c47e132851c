"""Embedding models in Keras' own files, read in Keras' safe mode."""

from pathlib import Path

import keras

# Imported for their registration: without it no saved model can be read.
import tf_sphereface.backbones
import tf_sphereface.heads  # noqa: F401
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier


def load_embedding_model(path: Path) -> keras.Model:
    """The backbone of a `.keras` or whole-model `.h5` file; a head is dropped.

    No code of the file is run. What is not sure to be a file of one's own goes through
    `weights.foreign_keras`, which bounds time and memory too.

    Raises: InputError if the file is missing or damaged, holds something else, or asks
        for code.
    """
    if not path.is_file():
        raise InputError(f"no such model: {path}")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a foreign config makes Keras raise anything
        raise InputError(
            f"not a usable Keras model: {path} ({first_line(error)})"
        ) from error
    return model.backbone if isinstance(model, FaceClassifier) else model


def first_line(error: BaseException) -> str:
    """What an error says, without its later lines and at most 300 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
