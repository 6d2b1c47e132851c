"""Writes addons_golden.json: what tensorflow-addons gives for fixed batches.

tensorflow-addons ended in 2024 and does not run beside the library's TensorFlow, so its
values are made once, in an environment of their own (Python 3.11):

    pip install tensorflow==2.15.1 tensorflow-addons==0.23.0 "numpy<2"
    python tests/losses/make_addons_golden.py
"""

import datetime
import json
import platform
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

OUT = Path(__file__).with_name("addons_golden.json")
# Labels and embedding_dim of the batches.
BATCHES = {
    "pairs": ([0, 0, 1, 1, 2, 2], 4),
    "uneven": ([3, 0, 3, 3, 1, 0, 1, 1, 3, 0, 2, 2], 8),
    "two identities": ([0, 1, 0, 1, 1, 0, 0, 1], 3),
    "4 x 5": (sorted(list(range(4)) * 5), 6),
}


def batch(name, normalize):
    """Embeddings, float32 (batch, dim), neighbours of their class's centre."""
    labels, dim = BATCHES[name]
    rng = np.random.default_rng([len(labels), dim])
    centres = rng.normal(size=(max(labels) + 1, dim))
    embeddings = centres[labels] + 0.8 * rng.normal(size=(len(labels), dim))
    if normalize:
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    # Few digits, so that the file is small; normalised to these digits.
    return np.asarray(labels), np.round(embeddings, 4).astype("float32")


def short(values):
    """Nested lists of floats with as many digits as float32 has."""
    return [[float(f"{value:.8g}") for value in row] for row in values]


def case(function, batch_name, normalize, **settings):
    """One entry of the file: settings, value and gradient."""
    labels, embeddings = batch(batch_name, normalize)
    variable = tf.Variable(embeddings)
    with tf.GradientTape() as tape:
        value = function(labels, variable)
    return {
        "batch": batch_name,
        "normalized": normalize,
        **settings,
        "value": float(value),
        "gradient": short(tape.gradient(value, variable).numpy()),
    }


def semi_hard_cases():
    for name in BATCHES:
        for normalize in (True, False):
            for margin in (0.2, 1.0):
                for metric in ("L2", "squared-L2", "angular"):

                    def loss(labels, embeddings, margin=margin, metric=metric):
                        return tfa.losses.triplet_semihard_loss(
                            labels, embeddings, margin, metric
                        )

                    yield case(
                        loss,
                        name,
                        normalize,
                        margin=margin,
                        metric=metric,
                    )


def hard_cases():
    for name in BATCHES:
        for normalize in (True, False):
            for soft in (True, False):
                for metric in ("L2", "squared-L2"):

                    def loss(labels, embeddings, soft=soft, metric=metric):
                        return tfa.losses.triplet_hard_loss(
                            labels, embeddings, 0.3, soft, metric
                        )

                    yield case(
                        loss,
                        name,
                        normalize,
                        margin=0.3,
                        soft=soft,
                        metric=metric,
                    )


def contrastive_cases():
    """Explicit pairs: row 2k with row 2k + 1."""
    for name in BATCHES:
        for normalize in (True, False):
            for margin in (0.5, 1.0, 3.0):

                def loss(labels, embeddings, margin=margin):
                    offsets = embeddings[0::2] - embeddings[1::2]
                    distances = tf.norm(offsets, axis=1)
                    genuine = tf.cast(labels[0::2] == labels[1::2], tf.float32)
                    return tf.reduce_mean(
                        tfa.losses.contrastive_loss(genuine, distances, margin)
                    )

                yield case(loss, name, normalize, margin=margin)


def main():
    golden = {
        "made_by": "tests/losses/make_addons_golden.py",
        "date": datetime.date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "tensorflow-addons": tfa.__version__,
            "numpy": np.__version__,
        },
        "batches": [
            {
                "name": name,
                "normalized": normalize,
                "labels": batch(name, normalize)[0].tolist(),
                "embeddings": short(batch(name, normalize)[1]),
            }
            for name in BATCHES
            for normalize in (True, False)
        ],
        "triplet_semihard_loss": list(semi_hard_cases()),
        "triplet_hard_loss": list(hard_cases()),
        "contrastive_loss": list(contrastive_cases()),
    }
    OUT.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
