"""One way to get embeddings out of a model, whatever file it is in."""

import json
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.model_sources import (
    KerasEmbeddingSource,
    SavedModelEmbeddingSource,
)
from tf_sphereface.native_messages import load_tensorflow
from tf_sphereface.preprocessing import PixelContract

if TYPE_CHECKING:
    from tf_sphereface.bundle.bundle import Bundle

CONTRACT_FILE = "contract.json"


class EmbeddingSource(Protocol):
    """A model that gives embeddings of aligned faces.

    Attributes:
        kind: "keras", "saved_model" or "tflite".
        pixel_contract: What crops the model takes.
        embedding_dim: Length of an embedding.

    A source may say `mirrors_itself`, true if it gives whole features that must not be
    mirrored once more; then its `mirror` is their policy, "none", "concat" or "mean".
    """

    kind: str
    pixel_contract: PixelContract
    embedding_dim: int

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray:
        """uint8 RGB (n, height, width, 3) to float32 (n, embedding_dim)."""


def load_embedding_source(path: Path, variant: str | None = None) -> EmbeddingSource:
    """Opens a model by what lies at `path`.

    Args:
        path: A .keras file (a `FaceClassifier`, whose backbone is taken, or any Keras
            model of images), a .tflite file, a SavedModel folder, or a bundle folder.
            A contract.json in the SavedModel's folder, or beside it or the .tflite
            file, tells the pixel contract; without one it is the default.
        variant: Which model of a bundle; the bundle's default if not given.

    Raises: InputError, in one line, if there is no such model, it cannot be loaded, or
        `variant` is given for anything but a bundle.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"no such model: {path}")
    if variant is not None and not is_bundle(path):
        raise InputError(f"only a bundle has variants. Received: {path}, {variant!r}")
    if is_bundle(path):
        return _guarded(_load_bundle, path, variant)
    if _is_saved_model(path):
        return _guarded(_load_saved_model, path)
    if path.suffix == ".tflite" and path.is_file():
        return _guarded(_load_tflite, path)
    if path.suffix == ".keras" and path.is_file():
        return _guarded(_load_keras, path)
    raise InputError(
        "a model must be a .keras or .tflite file, a SavedModel folder or a bundle "
        f"folder with {CONTRACT_FILE}. Received: {path}"
    )


def source_of_bundle(bundle: "Bundle", variant: str | None = None) -> EmbeddingSource:
    """A bundle's network, which gives whole features if its policy needs that.

    With the mirror image inside the file, or the mean of both, rows of a crop and of
    its mirror image cannot be had one by one. A variant that failed its gate is opened:
    its failure shall be measurable.

    Args:
        bundle: What `load_bundle` gave.
        variant: Of the network; None is the bundle's default.

    Raises: InputError if there is no such variant, or its file is damaged.
    """
    network, contract = bundle.embedder(variant), bundle.contract
    if contract.mirror != "mean" and not contract.graph.mirror:
        return network
    from tf_sphereface.bundle.features import FeatureSource

    return FeatureSource(network, contract.mirror, contract.graph.mirror)


def is_bundle(path: Path) -> bool:
    """Whether there is a folder with a contract.json that is no SavedModel."""
    return (path / CONTRACT_FILE).is_file() and not _is_saved_model(path)


def mirrors_itself(source: EmbeddingSource) -> bool:
    """Whether a source gives whole features: faces must not be mirrored once more."""
    return getattr(source, "mirrors_itself", False)


class TimedSource:
    """Passes everything to `source` and measures how long a crop takes.

    The first call counts only if it is the only one, since it often compiles.
    """

    def __init__(self, source: EmbeddingSource):
        self._source = source
        self._calls = []
        self.kind = source.kind
        self.pixel_contract = source.pixel_contract
        self.embedding_dim = source.embedding_dim
        self.mirrors_itself = mirrors_itself(source)
        self.mirror = getattr(source, "mirror", None)

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        embeddings = self._source.embed(aligned_faces)
        self._calls.append((time.perf_counter() - start, len(aligned_faces)))
        return embeddings

    def milliseconds_per_face(self) -> float:
        """Wall-clock time of one image in its batch; NaN before the first call.

        A source that mirrors crops itself embeds two images a crop.
        """
        calls = self._calls[1:] or self._calls
        if not calls:
            return float("nan")
        seconds, faces = map(sum, zip(*calls, strict=True))
        images = 1 if self.mirror in (None, "none") else 2
        return 1e3 * seconds / (images * faces)


def _is_saved_model(path):
    return (path / "saved_model.pb").is_file()


def _load_keras(path):
    load_tensorflow()
    from tf_sphereface.embedding_models import load_backbone

    # In float32 whatever the training's precision was: this is what is exported.
    return KerasEmbeddingSource(load_backbone(path))


def _load_saved_model(path):
    load_tensorflow()
    contract = _contract_of_file(path, path.parent)
    return SavedModelEmbeddingSource(
        path, contract, _stored_contract(path).get("mirror")
    )


def _load_tflite(path):
    from tf_sphereface.bundle.features import FeatureSource
    from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder

    network = TFLiteEmbedder(path, _contract_of_file(path.parent))
    stored = _stored_contract(path.parent)
    if not stored.get("graph", {}).get("mirror", False):
        return network
    return FeatureSource(network, stored["mirror"], inside=True)


def _load_bundle(path, variant):
    from tf_sphereface.bundle.bundle import load_bundle

    return source_of_bundle(load_bundle(path), variant)


def _guarded(load, path, *arguments):
    """Turns what libraries raise for a bad model file into one line."""
    try:
        return load(path, *arguments)
    except Exception as error:
        if not isinstance(error, _load_failures()):
            raise
        if isinstance(error, InputError) and str(path) in str(error):
            raise
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"cannot load the model {path}: {reason[:300]}") from error


def _load_failures():
    failures = (
        *(OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError),
        *(ImportError, EOFError, zipfile.BadZipFile),
    )
    tensorflow = sys.modules.get("tensorflow")  # a .tflite must not load it
    return (*failures, tensorflow.errors.OpError) if tensorflow else failures


def _contract_of_file(*folders):
    found = next(filter(None, map(_stored_contract, folders)), None)
    return PixelContract(**found["pixels"]) if found else PixelContract()


def _stored_contract(folder):
    """The content of a folder's contract.json; empty without one."""
    path = folder / CONTRACT_FILE
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}
