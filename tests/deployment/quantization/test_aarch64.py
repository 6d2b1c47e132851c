"""The same TFLite files on x86-64 and on aarch64, which phones have."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.deployment.quantization.aarch64 import Aarch64
from tests.deployment.quantization.test_variants import equalized
from tf_sphereface.backbones import MobileFaceNet
from tf_sphereface.bundle.variants import FLOAT
from tf_sphereface.deployment.checking import runtime_program
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import quantize
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.preprocessing import PixelContract

SCRIPT = Path(runtime_program.__file__)
FLOAT_ARITHMETIC = (FLOAT, "fp16")
VARIANTS = (*FLOAT_ARITHMETIC, "dynamic", "int8")
CROPS = 2  # emulated: seconds a crop
# |a - b| / |a| of an embedding: sums in another order change its last bits.
FLOAT_TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def aarch64(tmp_path_factory):
    return Aarch64(tmp_path_factory.mktemp("aarch64"))


@pytest.fixture(scope="module")
def files(aarch64, tiny, tmp_path_factory):
    """Every variant of two untrained networks; made only if they can be run."""
    folder, contract = tmp_path_factory.mktemp("files"), PixelContract()
    crops = np.stack([face.crop for face in synthetic_faces(contract, 8, 2)])
    keras.utils.set_random_seed(5)
    models = {}
    for name, backbone in (("tiny", tiny()), ("mobilefacenet", MobileFaceNet())):
        model = FloatModel(backbone, contract)
        for variant in VARIANTS:
            path = folder / f"{name}_{variant}.tflite"
            path.write_bytes(_content(model, variant, crops))
            models[path] = model.inputs(crops[:CROPS])
    inputs = {str(number): x for number, x in enumerate(models.values())}
    np.savez(folder / "inputs.npz", **inputs)
    return list(models)


def _content(model, variant, crops):
    if variant == FLOAT:
        return model.content
    return quantize(model, variant, equalized(model, crops))


@pytest.fixture(scope="module")
def embeddings(aarch64, files):
    """Of x86-64 and of aarch64, by the file's stem."""
    folder = files[0].parent
    arguments = [folder / "inputs.npz", folder / "x86.npz", *files]
    subprocess.run(
        [sys.executable, SCRIPT, *arguments], check=True, capture_output=True
    )
    arguments[1] = folder / "arm.npz"
    aarch64.run(SCRIPT, *arguments)
    stored = [np.load(folder / f"{name}.npz") for name in ("x86", "arm")]
    return [
        {path.stem: arrays[str(number)] for number, path in enumerate(files)}
        for arrays in stored
    ]


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ["tiny", "mobilefacenet"])
def test_embeddings_are_the_same_on_a_phone_processor(embeddings, name, variant):
    ours, theirs = (stored[f"{name}_{variant}"] for stored in embeddings)
    assert ours.shape == theirs.shape and len(ours) == CROPS
    if variant in FLOAT_ARITHMETIC:
        lengths = np.linalg.norm(ours, axis=1)
        assert (np.linalg.norm(ours - theirs, axis=1) / lengths).max() < FLOAT_TOLERANCE
        return
    # Where activations are rounded to 8 bits, now and then one goes to the next
    # integer, and each layer behind makes more of it: but never as much as the rounding
    # itself, on one machine.
    drift = 1 - cosines(ours, embeddings[0][f"{name}_none"])
    assert (1 - cosines(ours, theirs) < drift).all()


def cosines(ours, theirs):
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return (ours * theirs).sum(axis=1) / lengths


@pytest.mark.slow
def test_it_is_another_processor(aarch64, tmp_path):
    script = tmp_path / "machine.py"
    script.write_text("import platform; print(platform.machine())")
    assert aarch64.run(script) == "aarch64\n"
