"""A user's script: `fit` of a FaceClassifier under MultiWorkerMirroredStrategy.

Its argument is "batch_norm" or "plain"; it prints the weights' sums and the figures.
Without TF_CONFIG it trains alone.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from tf_sphereface import ASoftmaxLayer, FaceClassifier, SphereFaceCNN


def main():
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    keras.utils.set_random_seed(0)
    with strategy.scope():
        backbone = SphereFaceCNN(
            depth=4,
            embedding_dim=8,
            width_multiplier=0.0625,
            batch_norm=sys.argv[1] == "batch_norm",
        )
        classifier = FaceClassifier(backbone, ASoftmaxLayer(num_classes=4))
        classifier.compile(
            keras.optimizers.SGD(0.01, momentum=0.9), metrics=["accuracy"]
        )
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 32).astype(np.int32)
    images = rng.normal(labels[:, None, None, None] - 1.5, 0.3, (32, 112, 96, 3))
    dataset = tf.data.Dataset.from_tensor_slices((images.astype(np.float32), labels))
    dataset = dataset.batch(16, drop_remainder=True)
    fitted = classifier.fit(
        dataset, epochs=3, shuffle=False, verbose=0, validation_data=dataset
    )
    weights = {w.path: float(np.abs(w.numpy()).sum()) for w in classifier.weights}
    means = classifier.evaluate(dataset, verbose=0, return_dict=True)
    print(json.dumps({"weights": weights, "logs": fitted.history, "evaluated": means}))


if __name__ == "__main__":
    main()
