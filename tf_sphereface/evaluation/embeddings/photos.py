"""Embeddings of photos on disk, mirror-concatenated as in the paper."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.photos.lookup import find_photos
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource, mirrors_itself
from tf_sphereface.preprocessing import mirror as mirror_faces
from tf_sphereface.progress import Progress


def embed_photos(
    source: EmbeddingSource,
    images_dir: Path,
    relative_paths: Sequence[str],
    mirror: bool = True,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> np.ndarray:
    """FC1 of each face, concatenated with FC1 of its mirror image.

    Args:
        source: The model.
        images_dir: Folder of the aligned faces.
        relative_paths: Photos in it, with "/"; one without its suffix is found by its
            stem, as in LFW's naming.
        mirror: Without it, FC1 of the face alone; a source that gives whole features
            has its own policy.
        batch_size: Crops in a forward pass.
        progress: Called with the photos done and the photos in all.

    Returns: Float32 (photos, 2 * embedding_dim), or (photos, embedding_dim) if nothing
        is mirrored here; not L2-normalised. A missing photo gives a row of NaN.
    Raises: InputError if the folder is missing, a crop has not the size of the pixel
        contract or is damaged, or an embedding is not finite.
    """
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be >= 1. Received: {batch_size=}")
    files = find_photos(images_dir, relative_paths)
    mirror = mirror and not mirrors_itself(source)
    width = source.embedding_dim * (2 if mirror else 1)
    embeddings = np.full((len(files), width), np.nan, np.float32)
    present = [index for index, file in enumerate(files) if file is not None]
    for start in range(0, len(present), batch_size):
        rows = present[start : start + batch_size]
        faces = np.stack([_read_crop(files[row], source) for row in rows])
        batches = (faces, mirror_faces(faces)) if mirror else (faces,)
        embeddings[rows] = np.concatenate(
            [source.embed(np.ascontiguousarray(batch)) for batch in batches], axis=1
        )
        for row in rows:
            if not np.isfinite(embeddings[row]).all():
                raise InputError(
                    f"the model gives an embedding that is not finite: {files[row]}"
                )
        if progress is not None:
            progress(start + len(rows), len(present))
    return embeddings


def _read_crop(file, source):
    crop = read_photo(file)
    contract = source.pixel_contract
    if crop.shape[:2] != (contract.height, contract.width):
        raise InputError(
            f"an aligned face must be {contract.height} x {contract.width} pixels "
            "(height x width), as `sphereface align --size "
            f"{contract.height}x{contract.width}` writes it. Received: {file}, "
            f"{crop.shape[0]} x {crop.shape[1]}"
        )
    return crop
