"""Trainings of a few steps, with a plain head and with a divided one."""

import numpy as np
import tensorflow as tf

from tests.heads.every_head import make
from tests.small_classifier import faces, small_backbone
from tf_sphereface import FaceClassifier
from tf_sphereface.training.caffe_sgd import CaffeSGD
from tf_sphereface.training.many_identities.classifier import ManyIdentitiesClassifier

BATCH, STEPS = 16, 4


def classifier_of(name, strategy, classes, rate=None, **options):
    """A compiled classifier; a plain one without a rate."""
    with strategy.scope():
        head = make(name, classes)  # sets the seed
        backbone = small_backbone()
        if rate is None:
            classifier = FaceClassifier(backbone, head)
        else:
            classifier = ManyIdentitiesClassifier(backbone, head, sampling_rate=rate)
        metrics = ["accuracy"] if rate is None else None
        optimizer = CaffeSGD(0.05, **options)
        classifier.compile(optimizer, metrics=metrics, jit_compile=False)
    return classifier


def fitted(classifier, classes, steps=STEPS):
    """Trains; gives loss and accuracy of the steps, and kernel, as NumPy values."""
    data = tf.data.Dataset.from_tensor_slices(faces(BATCH * steps, classes))
    data = data.batch(BATCH, drop_remainder=True)
    logs = classifier.fit(data, shuffle=False, verbose=0).history
    shares = getattr(classifier, "shares", None)
    kernel = classifier.head.kernel.numpy() if shares is None else shares.kernel
    return np.array([logs["loss"][0], logs["accuracy"][0]]), kernel


def difference(one, other, classes):
    """Largest difference of two trainings in loss, accuracy, kernel and backbone."""
    results = [
        [*fitted(classifier, classes), *classifier.backbone.get_weights()]
        for classifier in (one, other)
    ]
    return max(
        float(np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1.0)))
        for ours, theirs in zip(*results, strict=True)
    )
