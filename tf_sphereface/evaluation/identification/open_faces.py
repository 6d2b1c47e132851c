"""Faces of galleries, probes and distractors from folders and files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.data.photos.folders import photos_below
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.npz import SUFFIX, read_embeddings
from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource
from tf_sphereface.evaluation.identification.face_set import FaceSet, face_set
from tf_sphereface.evaluation.identification.noise_lists import distractor_noise
from tf_sphereface.progress import Progress


def faces_of(
    source: EmbeddingSource,
    images_dir: Path | None,
    mirror: bool = True,
    progress: Progress | None = None,
) -> FaceSet:
    """All faces of an aligned folder, or of a file of embeddings.

    Args:
        source: A model, or a file of embeddings, whose `identities` or names say who is
            who.
        images_dir: ALIGNED/PERSON/CROP; a file of embeddings needs none, and with one
            it is asked for the crops of the folder only.
        mirror: As for `EmbeddingSource.features`.
        progress: Called with the photos done and the photos in all.

    Raises: InputError as `EmbeddingSource.features`, or if there are no crops.
    """
    names = source.photos(images_dir)
    features = source.features(names, images_dir, mirror, progress)
    return face_set(features, names, source.people(names))


def open_faces(
    source: EmbeddingSource,
    paths: Sequence[Path],
    mirror: bool = True,
    progress: Progress | None = None,
) -> FaceSet:
    """Faces of folders and .npz files, one after the other.

    Args:
        source: The model that embeds the folders.
        paths: At least one.
        mirror: As for `EmbeddingSource.features`.
        progress: As for `faces_of`.

    Raises: InputError as `faces_of`, or if the embeddings differ in size.
    """
    parts = []
    for path in paths:
        if Path(path).suffix == SUFFIX:
            parts.append(faces_of(read_embeddings(path), None))
        else:
            parts.append(faces_of(source, path, mirror, progress))
    if len({part.embeddings.shape[1] for part in parts}) > 1:
        raise InputError(f"{paths[0]} and {paths[1]} hold embeddings of two sizes")
    return FaceSet(
        np.concatenate([part.embeddings for part in parts]),
        np.concatenate([part.people for part in parts]),
        tuple(name for part in parts for name in part.names),
    )


def open_distractors(
    source: EmbeddingSource,
    path: Path,
    noise: Path | None = None,
    mirror: bool = True,
    progress: Progress | None = None,
) -> np.ndarray:
    """Embeddings (n, dim) of strangers, as a memory map if they are in a .npy.

    Args:
        source: The model that embeds a folder.
        path: Folder of aligned faces in any depth, .npz, or .npy.
        noise: List of distractors to leave out, as `distractor_noise` reads it.
        mirror: As for `EmbeddingSource.features`.
        progress: As for `faces_of`.

    Raises: InputError if it cannot be read, is empty, or has no names for a list.
    """
    path = Path(path)
    if path.suffix == ".npy":
        if noise is not None:
            raise InputError(
                f"a list of noise must have names to look for, and a .npy has none: "
                f"leave the rows out, or write a {SUFFIX}. Received: {path}"
            )
        return _memory_map(path)
    if path.suffix == SUFFIX:
        source = read_embeddings(path)
        names, images_dir = source.names, None
    elif path.is_dir():
        names, images_dir = photos_below(path), path
    else:
        raise InputError(
            f"distractors must be a folder, {SUFFIX} or .npy. Received: {path}"
        )
    if noise is not None:
        noisy = distractor_noise(noise, names)
        names = [name for name, out in zip(names, noisy, strict=True) if not out]
    if not names:
        raise InputError(f"there must be a distractor. Received: {path}")
    return source.features(names, images_dir, mirror, progress)


def _memory_map(path):
    try:
        embeddings = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise InputError(f"cannot read embeddings: {path} ({error})") from error
    except (ValueError, EOFError) as error:
        raise InputError(f"not a whole .npy file: {path} ({error})") from error
    if embeddings.ndim != 2 or embeddings.dtype.kind != "f" or not embeddings.size:
        raise InputError(
            f"{path}: distractors must be floats (n, dim). "
            f"Received: {embeddings.dtype} {embeddings.shape}"
        )
    return embeddings
