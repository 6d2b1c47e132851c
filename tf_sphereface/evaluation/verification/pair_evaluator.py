"""One list of pairs and many models: alone, and as gallery and probe of each other."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_sphereface.bundle.features import CropEmbedder
from tf_sphereface.data.aligned.crops import select_crops
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.model_embeddings import ModelEmbeddings
from tf_sphereface.evaluation.embeddings.npz import EmbeddingFile
from tf_sphereface.evaluation.pairs.pair_list import PairList
from tf_sphereface.evaluation.verification.evaluate import (
    evaluate_features,
    evaluate_verification,
)
from tf_sphereface.evaluation.verification.report import VerificationReport
from tf_sphereface.progress import ProgressBar
from tf_sphereface.similarity import unit_rows


class PairEvaluator:
    """Verification of pairs, with the features of each model kept for `cross_variant`.

    Args:
        images_dir: Folder of the aligned faces.
        pairs: At least two folds, each with genuine and impostor pairs.
        mirror: Embed the mirror image too, if a model does not do it itself.
        progress_bar: Context manager of a title and a unit, which gives a function of
            the photos done and the photos in all; None shows nothing.
    """

    def __init__(
        self,
        images_dir: Path,
        pairs: PairList,
        mirror: bool = True,
        progress_bar: ProgressBar | None = None,
    ):
        self._images_dir, self._pairs, self._mirror = images_dir, pairs, mirror
        self._progress_bar = progress_bar
        self._known = {}

    def plain(self, source: CropEmbedder) -> VerificationReport:
        """The report of one model.

        Raises: InputError as `evaluate_verification`.
        """
        photos = self._pairs.photos()
        features = self.features(source, photos)
        model = self._known[id(source)].model
        there = ~np.isnan(features).any(axis=1)
        if not there.any():
            raise InputError(
                f"none of the {len(photos)} photos of the pairs is in "
                f"{self._images_dir}; the first is {photos[0]}"
            )
        return dataclasses.replace(
            self._report(features),
            source_kind=source.kind,
            embedding_dim=source.embedding_dim,
            mirror=self._mirror,
            milliseconds_per_face=model.milliseconds_per_face,
        )

    def at_unit_length(self, source: CropEmbedder) -> VerificationReport:
        """The report of a model that `plain` had before, its features of length 1.

        LFW's protocol subtracts the mean feature, so that lengths matter: a model that
        normalises its features compares with this report.
        """
        features = self.features(source, self._pairs.photos())
        there = ~np.isnan(features).any(axis=1)
        features[there] = unit_rows(features[there])
        return self._report(features)

    def cross_variant(
        self, gallery: CropEmbedder, probe: CropEmbedder
    ) -> VerificationReport:
        """The report of pairs whose left photo is `gallery`'s, the right one `probe`'s.

        Args:
            gallery: A model that `plain` had before.
            probe: Another one.

        Raises: InputError if their features have unlike lengths.
        """
        enrolled, probes = (
            self.features(each, self._pairs.photos()) for each in (gallery, probe)
        )
        require_one_length(gallery=enrolled, probe=probes)
        pairs = self._pairs.pairs
        rows = {photo: row for row, photo in enumerate(self._pairs.photos())}
        return evaluate_features(
            np.concatenate([enrolled, probes]),
            np.array([rows[pair.left] for pair in pairs]),
            np.array([rows[pair.right] + len(rows) for pair in pairs]),
            np.array([pair.same for pair in pairs], bool),
            np.array([pair.fold for pair in pairs]),
            mirrored=self._mirror,
        )

    def _report(self, features):
        there = ~np.isnan(features).any(axis=1)
        names = tuple(np.array(self._pairs.photos())[there].tolist())
        file = EmbeddingFile(features[there], names)
        return evaluate_verification(file, None, self._pairs)

    def all_photos(self) -> tuple[str, ...]:
        """Names of all crops of the folder, "PERSON/FILE", also of no pair.

        Raises: InputError if there are none.
        """
        return tuple(select_crops(self._images_dir).crops)

    def features(self, source: CropEmbedder, photos: Sequence[str]) -> np.ndarray:
        """Features of photos by a model; each photo is embedded once.

        Args:
            source: The model.
            photos: "PERSON/FILE" each.

        Returns: Float32 (photos, feature_dim); NaN for a photo that is missing.
        """
        if id(source) not in self._known:
            self._known[id(source)] = _Known(source, ModelEmbeddings(source), {})
        known = self._known[id(source)]
        new = [photo for photo in dict.fromkeys(photos) if photo not in known.features]
        if new:
            rows = self._embedded(known.model, new)
            known.features.update(zip(new, rows, strict=True))
        return np.stack([known.features[photo] for photo in photos])

    def _embedded(self, model, photos):
        if self._progress_bar is None:
            return model.features(photos, self._images_dir, self._mirror)
        with self._progress_bar("evaluating", "faces") as progress:
            return model.features(photos, self._images_dir, self._mirror, progress)


class _Known(NamedTuple):
    """A model with the features of photos by their names.

    The embedder is kept so that no other can get its id.
    """

    embedder: CropEmbedder
    model: ModelEmbeddings
    features: dict[str, np.ndarray]


def require_one_length(**features: np.ndarray) -> None:
    """Refuses features of unlike models, such as a gallery of another.

    Args:
        features: Float (photos, feature_dim), by what to call them.

    Raises: InputError that tells the lengths.
    """
    lengths = {name: values.shape[1] for name, values in features.items()}
    if len(set(lengths.values())) > 1:
        received = ", ".join(f"{name}={length}" for name, length in lengths.items())
        raise InputError(
            "features must have one length, that of one model with or without mirror "
            f"images. Received: {received}"
        )
