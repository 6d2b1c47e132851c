"""The one way to the features that protocols compare: of a model, or from a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.data.aligned.crops import select_crops
from tf_sphereface.data.photos.names import identity_of
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.npz import (
    SUFFIX,
    EmbeddingFile,
    read_embeddings,
)
from tf_sphereface.evaluation.embeddings.photos import embed_photos
from tf_sphereface.evaluation.embeddings.sources import (
    EmbeddingSource,
    load_embedding_source,
    mirrors_itself,
)
from tf_sphereface.progress import Progress


def open_features(
    path: Path, variant: str | None = None
) -> EmbeddingSource | EmbeddingFile:
    """A model, as `load_embedding_source` opens it, or a .npz of embeddings.

    Raises: InputError, in one line, if it cannot be opened, or `variant` is given for
        anything but a bundle.
    """
    path = Path(path)
    if path.suffix == SUFFIX and variant is None:
        return read_embeddings(path)
    return load_embedding_source(path, variant)


def features_of(
    source: EmbeddingSource | EmbeddingFile,
    images_dir: Path | None,
    names: Sequence[str],
    mirror: bool = True,
    progress: Progress | None = None,
) -> np.ndarray:
    """Features of photos, a row of NaN for a missing one.

    Args:
        source: A model, or a file of embeddings, which has its photos by name.
        images_dir: Folder of the aligned faces; a file of embeddings needs none.
        names: Photos in it, as `embed_photos` takes them.
        mirror: Concatenate the embedding of the mirror image; a file of embeddings, and
            a source that gives whole features, have what they have.
        progress: Called with the photos done and the photos in all.

    Returns: Float32 (photos, feature_dim), not L2-normalised.
    Raises: InputError as `embed_photos`; if a model is given without `images_dir`.
    """
    if not isinstance(source, EmbeddingFile):
        if images_dir is None:
            raise InputError(
                "a model must have a folder of aligned faces: say --images"
            )
        return embed_photos(source, images_dir, names, mirror, progress=progress)
    rows = source.rows(names)
    features = np.full((len(rows), source.embeddings.shape[1]), np.nan, np.float32)
    known = [index for index, row in enumerate(rows) if row is not None]
    features[known] = source.embeddings[[rows[index] for index in known]]
    return features


def has_mirror(source: EmbeddingSource | EmbeddingFile, mirror: bool) -> bool:
    """Whether the features that `features_of` gives are mirror-concatenated."""
    if isinstance(source, EmbeddingFile):
        return source.mirror
    return source.mirror == "concat" if mirrors_itself(source) else mirror


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


def embed_folder(
    source: EmbeddingSource,
    images_dir: Path,
    mirror: bool = True,
    progress: Progress | None = None,
) -> EmbeddingFile:
    """Embeds all crops of an aligned folder.

    Args:
        source: The model.
        images_dir: ALIGNED/PERSON/CROP; its manifest.csv decides, if it has one.
        mirror: As for `features_of`.
        progress: Called with the photos done and the photos in all.

    Raises: InputError as `select_crops` and `embed_photos`; if a crop is missing.
    """
    names = select_crops(Path(images_dir)).crops
    features = features_of(source, images_dir, names, mirror, progress)
    missing = np.flatnonzero(np.isnan(features).any(axis=1))
    if len(missing):
        raise InputError(
            f"no such crop: {images_dir}/{names[missing[0]]}; run `sphereface align` "
            "again"
        )
    people = tuple(map(identity_of, names))
    return EmbeddingFile(features, names, people, has_mirror(source, mirror))
