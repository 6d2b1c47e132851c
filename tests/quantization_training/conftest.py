"""Runs of what cannot be in pytest's process: importing tfmot changes tf.keras."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Whose twins are made, and whether batch norm is folded before. InceptionResNetV1 has
# no layer that the others lack, and hundreds of them.
TWINS = {
    "inception_face": True,
    "iresnet": False,
    "keras_application": True,
    "mobilefacenet": True,
    "sphereface_cnn": False,
    "zfnet_face": True,
}
INSTALLED = all(
    importlib.util.find_spec(name)
    for name in ("tensorflow_model_optimization", "tf_keras")
)
needs_tfmot = pytest.mark.skipif(
    not INSTALLED, reason="the extra `quantization` is not installed"
)


def python(*arguments, **environment):
    """Runs Python in the repository; gives the finished process."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="package")
def twins():
    """Measurements of `twins.py`."""
    done = python("-m", "tests.quantization_training.twins")
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
