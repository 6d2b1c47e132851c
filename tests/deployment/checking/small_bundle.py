"""A bundle made by hand, for the tests of what checks bundles: the export is not used.

Its model is tiny and untrained; its variants are "none" and "dynamic".
"""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.bundle.contract import (
    BundleContract,
    file_record,
)
from tf_sphereface.bundle.schema import schema_content
from tf_sphereface.bundle.tflite_metadata import FileMetadata, with_metadata
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import quantize
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.detection import (
    MTCNNSettings,
    cached_networks,
    load_detector,
    nearest_to_centre,
)
from tf_sphereface.files import sha256_of
from tf_sphereface.runtimes.litert import allocate, open_interpreter

FILES = {"none": "embedder.tflite", "dynamic": "embedder_dynamic.tflite"}
COMPARED = 64  # crops that `rendered_samples` gives
EXACT = {"mean_cosine": 1.0, "p01_cosine": 1.0, "min_cosine": 1.0, "crops": COMPARED}
SAMPLES = {
    "rendered": True,
    "representative": 0,
    "representative_people": 0,
    "compared": COMPARED,
    "compared_people": COMPARED // 2,
}


def make_bundle(folder):
    """Writes `folder`/bundle and the model beside it, `folder`/model.keras."""
    keras.utils.set_random_seed(3)
    backbone = SphereFaceCNN(4, embedding_dim=32, width_multiplier=0.125)
    backbone.save(folder / "model.keras")
    bundle, pixels = folder / "bundle", backbone.pixel_contract
    bundle.mkdir()
    model = FloatModel(backbone, pixels)
    contents = {
        "none": model.content,
        "dynamic": quantize(model, "dynamic"),
    }
    parts = {
        "library_version": "0.1.0",
        "pixels": dataclasses.asdict(pixels),
        "landmark_template": pixels.crop.template,
        "feature": {"mirror": "concat"},
        "embedding_dim": 32,
    }
    for name, content in contents.items():
        said = FileMetadata(name="sphereface_cnn", variant=name, **parts)
        (bundle / FILES[name]).write_bytes(with_metadata(content, said))
    contract = BundleContract(
        **parts,
        model={
            "name": "sphereface_cnn",
            "sha256": sha256_of(folder / "model.keras"),
            "parameters": backbone.count_params(),
        },
        detector=add_detector(bundle),
        variants={name: variant(bundle, name) for name in FILES},
        default_variant="none",
        samples=SAMPLES,
        golden=add_golden(bundle, pixels),
        documents=add_documents(bundle),
    )
    contract.write(bundle / "contract.json")
    return bundle


def add_detector(bundle):
    shutil.copytree(cached_networks(), bundle / "detector")
    for file in (bundle / "detector").iterdir():
        if file.name not in ("pnet.tflite", "rnet.tflite", "onet.tflite"):
            file.unlink()
    files = {
        name: file_record(bundle, f"detector/{name}.tflite")
        for name in ("pnet", "rnet", "onet")
    }
    return {"files": files, "settings": dataclasses.asdict(MTCNNSettings())}


def variant(bundle, name):
    details = [
        {"name": d["name"], "dtype": "float32", "shape": d["shape"].tolist()}
        for d in ends(bundle / FILES[name])
    ]
    return {
        **file_record(bundle, FILES[name]).model_dump(),
        "input": {**details[0], "quantization": None},
        "output": {**details[1], "quantization": None},
        "drift": EXACT,
    }


def ends(path):
    interpreter = open_interpreter(path.read_bytes())
    allocate(interpreter)
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0]


def add_golden(bundle, pixels):
    (bundle / "golden").mkdir()
    detector, entries = load_detector(bundle / "detector", MTCNNSettings()), []
    for index, face in enumerate(synthetic_faces(pixels, people=2, photos_each=1)):
        files = {kind: f"golden/{kind}_{index}.png" for kind in ("photo", "crop")}
        for kind, file in files.items():
            Image.fromarray(getattr(face, kind)).save(bundle / file)
        (found,) = detector.detect([face.photo])
        nearest = nearest_to_centre(found, *face.photo.shape[:2])
        entries.append(
            {
                **files,
                "sha256": {kind: sha256_of(bundle / files[kind]) for kind in files},
                "detected": {
                    "box": np.asarray(nearest.box).tolist(),
                    "score": float(nearest.score),
                    "landmarks": np.asarray(nearest.landmarks).tolist(),
                },
                "landmarks": face.landmarks.tolist(),
                "embeddings": {
                    name: embed(bundle / file, face.crop)
                    for name, file in FILES.items()
                },
            }
        )
    (bundle / "golden/golden.json").write_text(json.dumps({"faces": entries}))
    return file_record(bundle, "golden/golden.json")


def embed(path, crop):
    interpreter = open_interpreter(path.read_bytes())
    allocate(interpreter)
    before, after = interpreter.get_input_details(), interpreter.get_output_details()
    pixels = (crop[None].astype(np.float32) - 127.5) / 128
    interpreter.set_tensor(before[0]["index"], pixels.astype(np.float32))
    interpreter.invoke()
    return interpreter.get_tensor(after[0]["index"])[0].tolist()


def add_documents(bundle):
    (bundle / "MODEL_CARD.md").write_text("# sphereface_cnn\n")
    (bundle / "contract.schema.json").write_bytes(schema_content())
    return {
        "model_card": file_record(bundle, "MODEL_CARD.md"),
        "schema": file_record(bundle, "contract.schema.json"),
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bundle, not to be changed."""
    return make_bundle(tmp_path_factory.mktemp("small"))


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(whole, tmp_path / "bundle")


def rewrite(folder, change):
    """Changes the contract and makes all checksums those of the files again."""
    path = folder / "contract.json"
    content = json.loads(path.read_text())
    change(content)
    networks = content["detector"]["files"].values()
    for record in (
        *content["variants"].values(),
        *networks,
        content["golden"],
        *content["documents"].values(),
    ):
        record.update(file_record(folder, record["file"]).model_dump())
    BundleContract.model_validate(content).write(path)


def no_change(content):
    """For tests that change another file than the contract."""


def change_golden(folder, change):
    """Changes the second golden face and makes the checksums right again."""
    path = folder / "golden/golden.json"
    content = json.loads(path.read_text())
    change(content["faces"][1])
    path.write_text(json.dumps(content))
    rewrite(folder, no_change)
