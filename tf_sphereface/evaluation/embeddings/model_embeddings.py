"""Features of photos in folders, from a model of crops, and how long a crop takes."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.bundle.features import CropEmbedder
from tf_sphereface.data.aligned.crops import select_crops
from tf_sphereface.data.aligned.settings import differing_crops, recorded_crop
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.photos.kinds import is_photo
from tf_sphereface.data.photos.lookup import find_photos
from tf_sphereface.data.photos.reading_ahead import read_ahead
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.preprocessing import mirror as mirror_faces
from tf_sphereface.progress import Progress
from tf_sphereface.stated_paths import stated_path

BATCH_SIZE = 16  # with as many mirror images; larger ones are no faster


class ModelEmbeddings:
    """An embedding source: a model that embeds the crops of folders.

    Args:
        embedder: Of crops. One that gives whole features says so by `mirrors_itself`,
            and its `mirror` is their policy, "none", "concat" or "mean"; its crops are
            not mirrored once more.
        batch_size: Crops in a forward pass, besides their mirror images.
        notes: Sentences on what was assumed of the model, for reports; one is added
            if a folder holds other crops than the model takes.
        crop: The crops that the model takes; None if that is not known.
        trained_people: Names of the people whom the model was trained on, if they are
            known.

    Attributes:
        kind: As the embedder's, such as "keras".
        pixel_contract: Of the crops.
        embedding_dim: Length of an embedding.
        mirrors_itself: As the embedder's.
        mirror: As the embedder's, or None.
        crop: As given.
    """

    def __init__(
        self,
        embedder: CropEmbedder,
        batch_size: int = BATCH_SIZE,
        notes: Sequence[str] = (),
        crop: CropGeometry | None = None,
        trained_people: frozenset[str] = frozenset(),
    ):
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be >= 1. Received: {batch_size=}")
        self._embedder, self._batch_size = embedder, batch_size
        self.notes, self.crop = tuple(notes), crop
        self.trained_people = trained_people
        self._calls = []
        self.kind = getattr(embedder, "kind", "tflite")
        self.pixel_contract = embedder.pixel_contract
        self.embedding_dim = embedder.embedding_dim
        self.mirrors_itself = getattr(embedder, "mirrors_itself", False)
        self.mirror = getattr(embedder, "mirror", None)

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray:
        """uint8 RGB (n, height, width, 3) to float32 (n, embedding_dim)."""
        start = time.perf_counter()
        embeddings = self._embedder.embed(aligned_faces)
        self._calls.append((time.perf_counter() - start, len(aligned_faces)))
        return embeddings

    @property
    def milliseconds_per_face(self) -> float:
        """Wall-clock time of one image in its batch; NaN before the first call.

        The first call counts only if it is the only one, since it often compiles. An
        embedder that mirrors crops itself embeds two images a crop.
        """
        calls = self._calls[1:] or self._calls
        if not calls:
            return float("nan")
        seconds, faces = map(sum, zip(*calls, strict=True))
        images = 1 if self.mirror in (None, "none") else 2
        return 1e3 * seconds / (images * faces)

    def has_mirror(self, mirror: bool) -> bool:
        """As `EmbeddingSource.has_mirror`: the policy of whole features decides."""
        return self.mirror == "concat" if self.mirrors_itself else mirror

    def photos(self, images_dir: Path | None) -> tuple[str, ...]:
        """The crops of an aligned folder; its manifest.csv decides, if it has one."""
        return tuple(select_crops(_required(images_dir)).crops)

    def frames(
        self, videos: Sequence[str], images_dir: Path | None
    ) -> dict[str, list[str]]:
        """The photos in IMAGES/VIDEO of each video."""
        if images_dir is None or not Path(images_dir).is_dir():
            raise InputError(f"no such folder of aligned frames: {images_dir}")
        return {
            video: [
                f"{video}/{file.name}"
                for file in (Path(images_dir) / video).glob("*")
                if is_photo((file.name,))
            ]
            for video in videos
        }

    def people(self, names: Sequence[str]) -> dict[str, str]:
        """Nobody: a model knows people by the folders of their photos only."""
        return {}

    def place(self, images_dir: Path | None) -> str:
        """The folder."""
        return str(images_dir)

    def features(
        self,
        names: Sequence[str],
        images_dir: Path | None,
        mirror: bool = True,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """FC1 of each face, concatenated with FC1 of its mirror image.

        Args: As `EmbeddingSource.features`.

        Returns: Float32 (photos, 2 * embedding_dim), or (photos, embedding_dim) if
            nothing is mirrored here.
        Raises: InputError if the folder is missing, a crop has not the size of the
            pixel contract or is damaged, or an embedding is not finite.
        """
        files = find_photos(_required(images_dir), names)
        self._compare_crops(Path(images_dir))
        mirror = mirror and not self.mirrors_itself
        width = self.embedding_dim * (2 if mirror else 1)
        features = np.full((len(files), width), np.nan, np.float32)
        present = [index for index, file in enumerate(files) if file is not None]
        batches = [
            present[start : start + self._batch_size]
            for start in range(0, len(present), self._batch_size)
        ]

        def read(rows):
            faces = np.stack([_read_crop(files[row], self) for row in rows])
            return np.concatenate([faces, mirror_faces(faces)]) if mirror else faces

        done = 0
        with contextlib.closing(read_ahead(read, batches)) as images:
            for rows, batch in zip(batches, images, strict=True):
                parts = np.split(self.embed(batch), 2 if mirror else 1)
                features[rows] = np.concatenate(parts, axis=1)
                for row in rows:
                    if not np.isfinite(features[row]).all():
                        raise InputError(
                            "the model gives an embedding that is not finite: "
                            f"{files[row]}"
                        )
                done += len(rows)
                if progress is not None:
                    progress(done, len(present))
        return features

    def _compare_crops(self, folder):
        found = self.crop and recorded_crop(folder)
        if not found or (found.height, found.width) != (
            self.crop.height,
            self.crop.width,
        ):
            return  # another size is refused where crops are read
        if difference := differing_crops(found, self.crop):
            note = (
                f"{stated_path(folder)} holds other crops than the model takes: "
                f"{difference}."
            )
            self.notes = tuple(dict.fromkeys((*self.notes, note)))


def _required(images_dir):
    if images_dir is None:
        raise InputError("a model must have a folder of aligned faces: say --images")
    return Path(images_dir)


def _read_crop(file, embedder):
    crop = read_photo(file)
    contract = embedder.pixel_contract
    if crop.shape[:2] != (contract.height, contract.width):
        raise InputError(
            f"an aligned face must be {contract.height} x {contract.width} pixels "
            "(height x width), as `sphereface align --size "
            f"{contract.height}x{contract.width}` writes it. Received: {file}, "
            f"{crop.shape[0]} x {crop.shape[1]}"
        )
    return crop
