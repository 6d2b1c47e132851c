"""Every variant in the TFLite runtimes of three years: right, or refused.

`make test-runtimes` installs each runtime into an environment of its own, and prints
the table of docs/results.md.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.deployment.quantization.test_variants import equalized
from tf_sphereface.backbones import MobileFaceNet, SphereFaceCNN
from tf_sphereface.bundle.variants import FLOAT, available_variants
from tf_sphereface.deployment.checking.foreign_runtime import run_files
from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import quantize
from tf_sphereface.deployment.quantization.operator_versions import (
    _NEWER,
    _OLDEST,
    least_runtimes,
)
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.runtimes.litert import open_interpreter, to_real, to_stored

pytestmark = pytest.mark.slow

# XNNPACK of this version cannot run the depthwise convolutions of float16 weights; on
# processors without AVX512-FP16 it gave NaN for others.
KNOWN_BROKEN = {"tensorflow-cpu==2.19.1": ("mobilefacenet fp16",)}
FIELDS = {"tensorflow-cpu": "tensorflow_lite", "ai-edge-litert": "ai_edge_litert"}

RUNTIMES = Path(__file__).with_name("runtimes.txt").read_text().split()
ENVIRONMENTS = Path(__file__).parents[2] / ".venv-runtimes"
CROPS = 4
LEAST_COSINE = 0.99  # to what this runtime gives; what is computed otherwise has < 0.5
NETWORKS = {"sphereface4": SphereFaceCNN, "mobilefacenet": MobileFaceNet}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """(path, input as the file takes it, least runtimes) by name."""
    folder, made = tmp_path_factory.mktemp("files"), {}
    for name, backbone in NETWORKS.items():
        network = backbone(4) if backbone is SphereFaceCNN else backbone()
        model = FloatModel(fold_batch_norm(network), network.pixel_contract)
        faces = synthetic_faces(model.pixel_contract, 4, 2)
        crops = np.stack([face.crop for face in faces])
        ranges = equalized(model, crops)
        for variant in available_variants(model.has_dense_layer):
            content = model.content
            if variant != FLOAT:
                content = quantize(model, variant, ranges)
            path = folder / f"{name}_{variant}.tflite"
            path.write_bytes(content)
            interpreter = open_interpreter(content)
            stored = to_stored(
                model.inputs(crops[:CROPS]), interpreter.get_input_details()[0]
            )
            made[f"{name} {variant}"] = path, stored, least_runtimes(content)
    return made


@pytest.fixture(scope="module")
def here(files):
    return embeddings(sys.executable, files)[0]


def embeddings(python, files):
    """Real embeddings, and reasons of refusals, by the file's name."""
    paths, inputs, _ = zip(*files.values(), strict=True)
    _, outputs, refusals = run_files(python, paths, inputs)
    names = list(files)
    real = {}
    for number, rows in outputs.items():
        interpreter = open_interpreter(paths[number].read_bytes())
        (details,) = interpreter.get_output_details()
        real[names[number]] = to_real(rows, details)
    return real, {names[number]: reason for number, reason in refusals.items()}


def number(version):
    return tuple(map(int, version.split(".")))


def cosines(ours, theirs):
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return (ours * theirs).sum(axis=1) / lengths


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_file_is_right_or_refused(files, here, runtime, record_property):
    python = ENVIRONMENTS / runtime.replace("==", "@") / "bin/python"
    if not python.exists():
        pytest.skip("no .venv-runtimes: `make test-runtimes` makes it")
    theirs, refused = embeddings(python, files)
    assert theirs.keys() | refused.keys() == files.keys()
    row = dict.fromkeys(refused, "refused")
    for name, found in theirs.items():
        row[name] = f"{cosines(here[name], found).min():.5f}"
    print(runtime, row)
    record_property(runtime, row)
    wrong = [
        n
        for n, cell in row.items()
        if cell != "refused" and not float(cell) >= LEAST_COSINE
    ]
    assert not wrong
    package, version = runtime.split("==")
    field = FIELDS.get(package, "tensorflow_lite")
    for name, (*_, least) in files.items():
        if name not in KNOWN_BROKEN.get(runtime, ()):
            older = number(version) < number(getattr(least, field))
            assert (name in refused) == older, name


def test_the_list_has_a_runtime_before_each_least_one_and_the_oldest():
    tried = {tuple(line.split("==")) for line in RUNTIMES}
    assert ("ai-edge-litert", _OLDEST[1]) in tried
    assert ("tflite-runtime", _OLDEST[0]) in tried
    tensorflow = [number(v) for package, v in tried if package == "tensorflow-cpu"]
    for lite, _ in _NEWER.values():
        before = [version for version in tensorflow if version < number(lite)]
        # The version just before: refused there, it is refused by all older ones.
        assert max(before)[:2] == (2, number(lite)[1] - 1)
