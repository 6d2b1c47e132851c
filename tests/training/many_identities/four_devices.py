"""Compares every head on four logical CPUs with a plain one; prints JSON."""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from tests.training.many_identities.trained import classifier_of, difference
from tf_sphereface.training.distribution.strategies import training_strategy

CLASSES = 40


def compared(name, strategy, rate):
    alone = tf.distribute.OneDeviceStrategy("CPU:0")
    plain = classifier_of(name, alone, CLASSES)
    many = classifier_of(name, strategy, CLASSES, rate)
    parts = zip(many.shares.rows, many.shares.velocities, strict=True)
    found = {
        "difference": difference(many, plain, CLASSES),
        "bytes": [sum(part.numpy().nbytes for part in pair) for pair in parts],
        "devices": [part.device.split(":")[-1] for part in many.shares.rows],
        # With its momentum.
        "plain_bytes": 2 * plain.head.kernel.numpy().nbytes,
    }
    keras.backend.clear_session()
    return found


if __name__ == "__main__":
    rate, *names = sys.argv[1:]
    four = training_strategy(4)
    print(json.dumps({name: compared(name, four, float(rate)) for name in names}))
