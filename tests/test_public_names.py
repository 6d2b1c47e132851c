"""Tests of the public names and of what they make loadable."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import tf_sphereface
from tf_sphereface import SoftmaxLayer, SphereFaceCNN, load_model
from tf_sphereface.errors import InputError

PACKAGE = Path(tf_sphereface.__file__).parent
LAZY = ["tf_sphereface"] + [
    f"tf_sphereface.{name}"
    for name in ("bundle", "deployment", "evaluation", "gallery")
]


def registered_classes():
    """The classes that are decorated, by the package's source."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            decorators = getattr(node, "decorator_list", ())
            if any("register_keras_ser" in ast.unparse(d) for d in decorators):
                yield node.name


@pytest.mark.parametrize("package", LAZY)
def test_every_public_name_is_there_and_in_dir(package):
    module = importlib.import_module(package)
    assert set(module.__all__) == set(dir(module))
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        module.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    "imports",
    [
        "from tf_sphereface.heads import COCOLayer; import keras",
        *(
            pytest.param(imports, marks=pytest.mark.slow)
            for imports in (
                "import keras, tf_sphereface",
                "import tf_sphereface, keras",
                "from tf_sphereface import FaceClassifier; import keras",
            )
        ),
    ],
)
def test_files_name_our_classes_whatever_is_imported_first(imports, classifier_file):
    names = [f"tf_sphereface>{name}" for name in registered_classes()]
    assert len(names) > 25
    program = (
        f"{imports}\nknown = keras.saving.get_custom_objects()\n"
        f"assert not [name for name in {names} if name not in known]\n"
        f"model = keras.models.load_model({str(classifier_file)!r})\n"
        "assert type(model).__name__ == 'FaceClassifier'\n"
        "import tf_sphereface.saved_models\n"  # those that the file did not name
        f"assert all(isinstance(known[name], type) for name in {names})"
    )
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", program], check=True, env=quiet)


def test_a_classifier_is_loaded_with_its_head(tmp_path):
    model = tf_sphereface.FaceClassifier(
        SphereFaceCNN(4, embedding_dim=4, width_multiplier=1 / 64), SoftmaxLayer(3)
    )
    model.compile(optimizer=keras.optimizers.SGD(0.25))
    faces = np.random.default_rng(1).normal(size=(2, 112, 96, 3)).astype(np.float32)
    expected = model.predict(faces, verbose=0)
    model.save(tmp_path / "last.keras")
    loaded = load_model(tmp_path)  # as of a run folder
    assert type(loaded) is type(model)
    assert float(loaded.optimizer.learning_rate) == 0.25
    actual = loaded.predict(faces, verbose=0)
    np.testing.assert_array_equal(actual, expected)
    assert not load_model(tmp_path / "last.keras", compile=False).compiled


def test_code_in_a_model_is_refused(tmp_path):
    inputs = keras.Input((2,))
    outputs = keras.layers.Lambda(lambda x: x, output_shape=(2,))(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "x.keras")
    with pytest.raises(InputError, match="not a usable Keras model"):
        load_model(tmp_path / "x.keras")
