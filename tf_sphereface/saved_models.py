"""Saved models of Keras; importing this module registers every class of the package."""

from pathlib import Path

import keras

import tf_sphereface.backbones
import tf_sphereface.face_classifier
import tf_sphereface.heads
import tf_sphereface.losses  # noqa: F401
from tf_sphereface.embedding_models import reason_of
from tf_sphereface.errors import InputError
from tf_sphereface.foreign.keras_files import check_keras_file
from tf_sphereface.model_files import model_file

if keras.backend.backend() == "tensorflow":  # the optimizer of the others is Keras' own
    import tf_sphereface.training.caffe_sgd  # noqa: F401


def load_model(path: Path, compile: bool = True) -> keras.Model:
    """Loads a model with all its parts; code in the file is not run (safe mode).

    Args:
        path: `.keras` file, or a run folder, of which the best model is taken.
        compile: Restore optimizer, loss and metrics too, to train on.

    Raises: InputError if the file is missing or damaged, or asks for code.
    """
    path = model_file(path)
    check_keras_file(path)
    try:
        return keras.saving.load_model(path, compile=compile, safe_mode=True)
    except Exception as error:  # a foreign config makes Keras raise anything
        raise InputError(
            f"not a usable Keras model: {path} ({reason_of(error)})"
        ) from error
