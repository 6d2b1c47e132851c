"""Tests for tf_sphereface.deployment.conversion.saved_model and its export."""

import io
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.bundle.contract import SavedModelContract
from tf_sphereface.deployment.conversion.saved_model import crop_decoder
from tf_sphereface.deployment.parity.drift import DriftError
from tf_sphereface.deployment.servers import saved_model as saved_model_export
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import load_embedding_source
from tf_sphereface.preprocessing import PixelContract

export_saved_model = saved_model_export.export_saved_model

# Runs without our code: plain TensorFlow is all that a server has.
SERVER = """
import sys

for name in ("tf_sphereface", "keras"):
    sys.modules[name] = None  # importing it fails; TensorFlow tries Keras by itself

import numpy as np
import tensorflow as tf

*folders, given, got = sys.argv[1:]
given = np.load(given, allow_pickle=False)
files = [given[f"file{i}"].tobytes() for i in range(len(given["crops"]))]
embeddings = {}
for folder in folders:
    saved = tf.saved_model.load(folder)
    crops, encoded = saved.signatures["serving_default"], saved.signatures["encoded"]
    for part in (slice(None), slice(0, 1)):
        embeddings[f"{folder} crops {part.stop}"] = crops(
            aligned_face=tf.constant(given["crops"][part])
        )["embedding"]
        embeddings[f"{folder} files {part.stop}"] = encoded(
            encoded_image=tf.constant(files[part])
        )["embedding"]
np.savez(got, **embeddings)
loaded = {name for name, module in sys.modules.items() if module}
assert not {n for n in loaded if n.startswith(("tf_sphereface", "keras"))}, loaded
"""


def tiny(**kwargs):
    """Batch norm with statistics of its own, so that folding has something to do."""
    keras.utils.set_random_seed(3)
    backbone = SphereFaceCNN(4, 16, width_multiplier=0.125, batch_norm=True, **kwargs)
    rng = np.random.default_rng(4)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.weights])
    return backbone


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "backbone.keras"
    tiny(channel_order="BGR").save(path)
    return path


def features(crops, mirror):
    """NumPy around the unfolded network: BGR, mirror image, length 1."""
    backbone, pixels = tiny(), crops[..., ::-1].astype(np.float64)
    faces = (pixels - 127.5) / 128
    plain = backbone.predict(faces, verbose=0).astype(np.float64)
    mirrored = backbone.predict(np.flip(faces, 2), verbose=0).astype(np.float64)
    rows = {
        "none": plain,
        "concat": np.hstack([plain, mirrored]),
        "mean": plain + mirrored,
    }[mirror]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def encoded(crop, form="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(crop).save(file, form, **options)
    return file.getvalue()


@pytest.mark.slow
def test_plain_tensorflow_serves_crops_and_files(model, aligned, crops, tmp_path):
    mirrors = {"none": 16, "concat": 32, "mean": 16}
    for mirror, width in mirrors.items():
        contract = export_saved_model(model, tmp_path / mirror, aligned, mirror=mirror)
        assert (contract.feature.mirror, contract.feature_dim) == (mirror, width)
        assert SavedModelContract.read(tmp_path / mirror / "contract.json") == contract
    files = [
        encoded(crop) if i % 2 else encoded(crop, "JPEG", quality=90)
        for i, crop in enumerate(crops)
    ]
    seen = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    given = {f"file{i}": np.frombuffer(file, np.uint8) for i, file in enumerate(files)}
    np.savez(tmp_path / "given.npz", crops=crops, **given)
    # -I: neither the working folder nor PYTHONPATH.
    command = [sys.executable, "-I", "-c", SERVER, *mirrors, "given.npz", "got.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    got = np.load(tmp_path / "got.npz")
    for mirror in mirrors:
        for name, pixels in (("crops", crops), ("files", seen)):
            expected = features(pixels, mirror)
            actual = got[f"{mirror} {name} None"]
            assert actual.dtype == np.float32
            np.testing.assert_allclose(actual, expected, atol=1e-5)
            alone = got[f"{mirror} {name} 1"]
            np.testing.assert_allclose(alone, expected[:1], atol=1e-5)


@pytest.fixture(scope="module")
def saved(model, aligned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "saved"
    export_saved_model(model, folder, aligned, mirror="none")
    return folder


def call(folder, files):
    signature = tf.saved_model.load(str(folder)).signatures["encoded"]
    return signature(encoded_image=tf.constant(files))["embedding"].numpy()


def test_decoded_files_are_pillows_pixels():
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (6, 28, 24, 3), dtype=np.uint8)
    colours = [
        np.asarray(Image.fromarray(crop).resize((96, 112), Image.Resampling.BICUBIC))
        for crop in small
    ]
    files = [
        encoded(colour, "JPEG", quality=quality, subsampling=subsampling)
        for colour, quality in zip(colours, (95, 90, 75) * 2, strict=True)
        for subsampling in (0, 2)
    ]
    grey = np.asarray(Image.fromarray(colours[0]).convert("L"))
    files += [encoded(grey, "JPEG"), encoded(grey), encoded(colours[1])]
    expected = [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
    actual = crop_decoder(PixelContract())(tf.constant(files)).numpy()
    difference = actual.astype(int) - np.stack([np.asarray(i) for i in expected])
    # Measured: 0. One level is for other builds of the JPEG library.
    assert np.abs(difference).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            encoded(np.zeros((96, 112, 3), np.uint8)),
            r"\[96,112,3\] is not compatible .* \[112,96,3\]",
        ),
        (encoded(np.zeros((224, 192, 3), np.uint8)), r"\[224,192,3\] is not"),
        (encoded(np.zeros((112, 96, 3), np.uint8), "JPEG")[:300], "Invalid JPEG"),
        (b"not an image", "Unknown image file format"),
        (b"", "Input is empty"),
    ],
)
def test_unusable_file_is_an_error_of_the_call(saved, crops, file, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(saved, [encoded(crops[0]), file])


def test_evaluation_loads_it_by_its_crops(saved, crops):
    source = load_embedding_source(saved)
    assert (source.kind, source.embedding_dim) == ("saved_model", 16)
    assert source.pixel_contract == PixelContract(channel_order="BGR")
    assert (source.mirrors_itself, source.mirror) == (True, "none")
    np.testing.assert_allclose(source.embed(crops), features(crops, "none"), atol=1e-5)


def test_batch_norm_is_folded(saved, model):
    operations = {
        operation.type
        for function in tf.saved_model.load(str(saved)).signatures.values()
        for operation in function.graph.get_operations()
    }
    assert not {name for name in operations if name.startswith("FusedBatchNorm")}
    (variables,) = (saved / "variables").glob("*.data-*")
    weights = 4 * keras.saving.load_model(model).count_params()
    assert 0.9 * weights < variables.stat().st_size < 1.2 * weights


@pytest.mark.quick_cases("encoded")
@pytest.mark.parametrize("broken", ["serving_default", "encoded"])
def test_gate_sees_both_signatures(model, aligned, tmp_path, monkeypatch, broken):
    embedded = saved_model_export._embedded

    def upside_down(folder, signature, crops):
        crops = crops[:, ::-1] if signature == broken else crops
        return embedded(folder, signature, crops)

    monkeypatch.setattr(saved_model_export, "_embedded", upside_down)
    with pytest.raises(DriftError, match="saved_model model"):
        export_saved_model(model, tmp_path / "saved", aligned)
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments_are_refused_before_any_work(tmp_path):
    missing = tmp_path / "missing.keras"
    with pytest.raises(ValueError, match="`mirror` must be one of .* mirror='left'"):
        export_saved_model(missing, tmp_path / "saved", mirror="left")
    with pytest.raises(ValueError, match="`min_cosine` must be -1..1"):
        export_saved_model(missing, tmp_path / "saved", min_cosine=3)
    with pytest.raises(InputError, match="no such model"):
        export_saved_model(missing, tmp_path / "saved")
