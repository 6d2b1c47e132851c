"""Keras models whose makers are not known."""

import math
import warnings
from pathlib import Path

import keras
from keras.src.backend.common import global_state

from tf_sphereface.embedding_models import load_embedding_model
from tf_sphereface.errors import InputError


def load_foreign_model(path: Path) -> keras.Model:
    """As `load_embedding_model`, of no more weights than the file holds.

    Raises: InputError likewise, and if the file would take more memory than its size.
    """
    _check_sizes(path)
    return load_embedding_model(path)


def _check_sizes(path):
    """Refuses a config that asks for more weights than the file can hold.

    In a stateless scope Keras makes variables of a shape and without a value.
    """
    try:
        with (
            keras.StatelessScope(initialize_variables=False),
            warnings.catch_warnings(),
        ):
            # Of parts that are skipped: said when the model is loaded in earnest.
            warnings.simplefilter("ignore", UserWarning)
            size = sum(math.prod(v.shape) for v in load_embedding_model(path).variables)
    finally:
        # Keras keeps a list of variables to be given values at the end of the next
        # scope, whoever opens it; there is no public way to empty it.
        global_state.set_global_attribute("uninitialized_variables", [])
    if size > path.stat().st_size:  # a number takes 2 bytes or more
        raise InputError(f"{path} is smaller than the weights that its model has")
