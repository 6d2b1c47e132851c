"""Embedding sources, and how each is opened by what lies at a path."""

import functools
import json
import os
import sys
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.crop_embedders import (
    KerasEmbedder,
    SavedModelEmbedder,
)
from tf_sphereface.evaluation.embeddings.model_embeddings import ModelEmbeddings
from tf_sphereface.evaluation.embeddings.npz import SUFFIX, read_embeddings
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.model_files import (
    CONTRACT_FILE,
    RUN_MODELS,
    run_model,
    trained_people,
)
from tf_sphereface.native_messages import load_tensorflow
from tf_sphereface.preprocessing import (
    PixelContract,
    Values,
    black_and_white,
    chosen_pixels,
)
from tf_sphereface.progress import Progress
from tf_sphereface.similarity import note_on_probabilities
from tf_sphereface.stated_paths import stated_path

if TYPE_CHECKING:
    from tf_sphereface.bundle.bundle import Bundle


Pixels = Mapping[str, str | Values]


class EmbeddingSource(Protocol):
    """Features of photos by name: of a model and folders, or of a file of embeddings.

    Attributes:
        kind: "keras", "saved_model", "tflite" or "embeddings".
        embedding_dim: Length of an embedding, without that of the mirror image.
        milliseconds_per_face: Of one forward pass in a batch; NaN before the first,
            None if nothing is embedded.
        pixel_contract: Of the crops; None if nothing is embedded.
        notes: Sentences on what was assumed of the model.
    """

    kind: str
    embedding_dim: int
    pixel_contract: PixelContract | None
    notes: tuple[str, ...]
    milliseconds_per_face: float | None

    def features(
        self,
        names: Sequence[str],
        images_dir: Path | None,
        mirror: bool = True,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """Features of photos, float32 (photos, feature_dim), not L2-normalised.

        Args:
            names: Photos, with "/"; one without its suffix is found by its stem, as in
                LFW's naming.
            images_dir: Folder of the aligned faces; a file of embeddings needs none.
            mirror: Concatenate the embedding of the mirror image; a source of whole
                features has its own policy.
            progress: Called with the photos done and the photos in all.

        Returns: A row of NaN for a missing photo.
        Raises: InputError if an image is unusable, or a model has no folder.
        """

    def has_mirror(self, mirror: bool) -> bool:
        """True if the features that `mirror` asks for are mirror-concatenated."""

    def photos(self, images_dir: Path | None) -> tuple[str, ...]:
        """Names of all photos: the crops of the folder, or those of the file."""

    def frames(
        self, videos: Sequence[str], images_dir: Path | None
    ) -> dict[str, list[str]]:
        """Names of the frames of videos, in any order."""

    def people(self, names: Sequence[str]) -> dict[str, str]:
        """Person of each photo of which the source itself tells one."""

    def place(self, images_dir: Path | None) -> str:
        """Words for where the photos are looked for."""


def open_features(
    path: Path,
    variant: str | None = None,
    pixels: Pixels | None = None,
    trust: Path | None = None,
    trust_model: bool = False,
) -> EmbeddingSource:
    """A model, as `load_embedding_source` opens it, or a .npz of embeddings.

    Raises: InputError, in one line, if it cannot be opened, or `variant`, `pixels`,
        `trust` or `trust_model` are given for what has none.
    """
    path = Path(path)
    if path.suffix == SUFFIX and (variant, trust, trust_model) == (None, None, False):
        if pixels:
            raise InputError(f"embeddings take no pixels any more: {path}")
        return read_embeddings(path)
    return load_embedding_source(path, variant, pixels, trust, trust_model)


def load_embedding_source(
    path: Path,
    variant: str | None = None,
    pixels: Pixels | None = None,
    trust: Path | None = None,
    trust_model: bool = False,
) -> ModelEmbeddings:
    """Opens a model by what lies at `path`.

    Args:
        path: A .keras file (a `FaceClassifier`, whose backbone is taken, or any Keras
            model of images), a .tflite file, a SavedModel folder, a bundle folder, or
            the folder of a training, whose best model is taken. A contract.json in
            the SavedModel's folder, or beside it or the .tflite file, tells the pixel
            contract; without one it is assumed, in the size of the file's input, and
            the source's notes say so.
        variant: Which model of a bundle; the bundle's default if not given.
        pixels: Channel order, mean and scale of the pixels, by their names in
            `PixelContract`; what is given goes before the model's own.
        trust: Public key that must have signed the bundle, as for `load_bundle`.
        trust_model: Load a SavedModel whatever operators it has: it is a program.

    Raises: InputError, in one line, if there is no such model, it cannot be loaded, or
        `variant`, `pixels`, `trust` or `trust_model` are given for what has none.
    """
    path = found_model(path)
    if variant is not None and not is_bundle(path):
        raise InputError(f"only a bundle has variants. Received: {path}, {variant!r}")
    if trust is not None and not is_bundle(path):
        raise InputError(f"only a bundle can be signed. Received: {path}")
    if trust_model and not _is_saved_model(path):
        raise InputError(f"only a SavedModel is a program to trust. Received: {path}")
    if is_bundle(path):
        if pixels:
            raise InputError(f"a bundle has its own pixel contract: {path}")
        return _guarded(_load_bundle, path, variant, trust)
    loader = _loader(path)
    if trust_model:
        loader = functools.partial(loader, trust_model=True)
    embedder, note, crop = _guarded(loader, path, pixels or {})
    notes = filter(None, (note, _guarded(_note_on_outputs, path, embedder)))
    # Reports have the notes; errors of the same functions name the whole path.
    notes = tuple(note.replace(str(path), stated_path(path)) for note in notes)
    people = trained_people(path)
    return ModelEmbeddings(embedder, notes=notes, crop=crop, trained_people=people)


def _note_on_outputs(path, embedder):
    contract = embedder.pixel_contract
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # structure hints of Keras
        rows = embedder.embed(black_and_white(contract.height, contract.width))
    return note_on_probabilities(rows, str(path))


def found_model(path: Path) -> Path:
    """The model at a path: the best one of a run folder, else the path itself.

    Raises: InputError if there is nothing.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"no such model: {path}")
    return path if is_bundle(path) else run_model(path) or path


def source_of_bundle(bundle: "Bundle", variant: str | None = None) -> ModelEmbeddings:
    """A bundle's network, which gives whole features if its policy needs that.

    With the mirror image inside the file, or the mean of both, rows of a crop and of
    its mirror image cannot be had one by one. A variant that failed its gate is opened:
    its failure shall be measurable.

    Args:
        bundle: What `load_bundle` gave.
        variant: Of the network; None is the bundle's default.

    Raises: InputError if there is no such variant, or its file is damaged.
    """
    crop = _crop_of(vars(bundle.contract))
    return ModelEmbeddings(_bundle_embedder(bundle, variant), crop=crop)


def is_bundle(path: Path) -> bool:
    """True for a folder with a contract.json that is no SavedModel."""
    return (path / CONTRACT_FILE).is_file() and not _is_saved_model(path)


def _is_saved_model(path):
    return (path / "saved_model.pb").is_file()


def _loader(path):
    if _is_saved_model(path):
        return _load_saved_model
    loaders = {".tflite": _load_tflite, ".keras": _load_keras}
    if path.suffix not in loaders or not path.is_file():
        raise InputError(
            "a model must be a .keras or .tflite file, a SavedModel folder, a bundle "
            f"folder with {CONTRACT_FILE} or a run folder with {RUN_MODELS[-1]}. "
            f"Received: {path}"
        )
    return loaders[path.suffix]


def _load_keras(path, pixels):
    load_tensorflow()
    from tf_sphereface.embedding_models import load_backbone, network_pixels

    # In float32 whatever the training's precision was: this is what is exported.
    backbone = load_backbone(path)
    contract, note = network_pixels(backbone, pixels, str(path))
    return KerasEmbedder(backbone, contract), note, getattr(backbone, "crop", None)


def _load_saved_model(path, pixels, trust_model=False):
    load_tensorflow()
    own = _contract_of_file(path, path.parent)
    feature = _stored_contract(path).get("feature", {})
    embedder = SavedModelEmbedder(path, own, feature.get("mirror"), trust_model)
    return embedder, _set_pixels(embedder, path, own, pixels), None


def _load_tflite(path, pixels):
    from tf_sphereface.bundle.features import FeatureSource
    from tf_sphereface.bundle.records import FeatureRecord
    from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder

    own = _contract_of_file(path.parent)
    network = TFLiteEmbedder(path, own)
    note = _set_pixels(network, path, own, pixels)
    stored = _stored_contract(path.parent)
    feature, crop = stored.get("feature", {}), _crop_of({**stored, "pixels": own})
    if "mirror" not in feature.get("inside", ()):
        return network, note, crop
    return FeatureSource(network, FeatureRecord(**feature)), note, crop


def _set_pixels(embedder, path, own, pixels):
    """Gives an embedder its pixel contract; returns a note, or None."""
    if embedder.takes_pixels:
        if pixels:
            raise InputError(f"the file takes uint8 crops as they are: {path}")
        return None
    size = embedder.pixel_contract.height, embedder.pixel_contract.width
    embedder.pixel_contract, note = chosen_pixels(str(path), own, size, pixels)
    return note


def _crop_of(contract):
    """The crops by the fields of a contract; None if it does not say them."""
    pixels, template = contract.get("pixels"), contract.get("landmark_template")
    if pixels is None or template is None:
        return None
    fit = contract.get("landmark_fit", "crop")
    try:
        return CropGeometry(pixels.height, pixels.width, template, fit)
    except ValueError:  # a size of no crop: nothing was aligned to it
        return None


def _load_bundle(path, variant, trust):
    from tf_sphereface.bundle.bundle import load_bundle

    return source_of_bundle(load_bundle(path, trust), variant)


def _bundle_embedder(bundle, variant):
    network, contract = bundle.embedder(variant), bundle.contract
    feature = contract.feature
    if feature.mirror != "mean" and "mirror" not in feature.inside:
        return network
    from tf_sphereface.bundle.features import FeatureSource

    return FeatureSource(network, feature)


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
    for folder in folders:
        if (folder / CONTRACT_FILE).is_file():
            return PixelContract(**_stored_contract(folder)["pixels"])
    return None


def _stored_contract(folder):
    """The content of a folder's contract.json; empty without one."""
    path = folder / CONTRACT_FILE
    if not path.is_file():
        return {}
    from tf_sphereface.bundle.bundle import contract_content, contract_difference
    from tf_sphereface.bundle.contract import Document, checksum_file
    from tf_sphereface.bundle.plain_json import require_plain_json

    content = contract_content(folder)
    require_plain_json(content)
    # A bundle's has a checksum beside it, that of another export has none.
    if os.path.lexists(checksum_file(path)) and (
        difference := contract_difference(folder, content)
    ):
        raise InputError(f"damaged bundle: {folder}: {difference}")
    return json.loads(Document.upgraded(content))
