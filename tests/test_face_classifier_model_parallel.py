"""Division of a plain head's class weights among devices, by Keras on JAX."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

# JAX's devices are fixed before it starts: hence a process of its own.
PROGRAM = """
import json, keras
import numpy as np
from tests.small_classifier import faces, small_backbone
from tf_sphereface import ArcFaceLayer, FaceClassifier

def trained():
    keras.utils.set_random_seed(1)
    classifier = FaceClassifier(small_backbone(), ArcFaceLayer(40))
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    classifier.compile(optimizer, metrics=["accuracy"])
    classifier.fit(*faces(64, 40), batch_size=16, shuffle=False, verbose=0)
    return classifier

alone = np.asarray(trained().head.kernel)
devices = keras.distribution.list_devices()
mesh = keras.distribution.DeviceMesh((1, 4), ("batch", "model"), devices)
layout = keras.distribution.LayoutMap(mesh)
layout["arc_face_layer.*/kernel"] = (None, "model")
keras.distribution.set_distribution(
    keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")
)
divided = trained()
momentum = [
    variable
    for variable in divided.optimizer.variables
    if "arc_face" in variable.path and "momentum" in variable.path
]
shares = [
    [list(share.data.shape) for share in variable.value.addressable_shards]
    for variable in (divided.head.kernel, *momentum)
]
error = np.abs(np.asarray(divided.head.kernel) - alone).max()
print(json.dumps({"shares": shares, "error": float(error)}))
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="Keras divides on JAX")
def test_kernel_and_momentum_are_divided_and_steps_are_the_same():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[1],
        env={**os.environ, **flags},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["shares"] == 2 * [4 * [[6, 10]]]
    assert found["error"] < 1e-5
