"""The moving averages of a classifier's weights, where its optimizer keeps them."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def averaged_weights(classifier: keras.Model) -> Iterator[None]:
    """Puts the averages in the weights' place, for the time of a block.

    Nothing happens if the optimizer keeps none.
    """
    optimizer = classifier.optimizer
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not optimizer.use_ema:
        yield
        return
    variables = classifier.trainable_variables
    weights = [keras.ops.convert_to_numpy(variable) for variable in variables]
    optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, weight in zip(variables, weights, strict=True):
            variable.assign(weight)
