"""Embeddings of photos on disk, mirror-concatenated as in the paper."""

import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from tf_sphereface.data.images import PHOTO_SUFFIXES, read_photo
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.sources import EmbeddingSource, mirrors_itself
from tf_sphereface.preprocessing import mirror as mirror_faces

Progress = Callable[[int, int], None]  # photos done, photos in all


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


def find_photos(images_dir: Path, relative_paths: Sequence[str]) -> list[Path | None]:
    """Files of photos, None for a missing one.

    Raises: InputError if the folder is missing, or two photos have the stem asked for.
    """
    images_dir = Path(images_dir)
    if not images_dir.is_dir():
        raise InputError(f"no such folder of aligned faces: {images_dir}")
    listings = {}
    files = []
    for relative in relative_paths:
        folder, name = PurePosixPath(relative).parent, PurePosixPath(relative).name
        if folder not in listings:
            listings[folder] = _list_folder(images_dir, str(folder))
        by_name, by_stem = listings[folder]
        name = unicodedata.normalize("NFC", name)
        found = [by_name[name]] if name in by_name else by_stem.get(name, [])
        if len(found) > 1:
            raise InputError(
                f"two photos for {relative}: {found[0].name} and {found[1].name} in "
                f"{found[0].parent}; keep one"
            )
        files.append(found[0] if found else None)
    return files


def _list_folder(images_dir, name):
    """Photos of a folder by file name and by stem, both in Unicode's composed form.

    Systems differ in how they spell accented letters; either spelling finds the photo.
    """
    by_name, by_stem = {}, {}
    spellings = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
    folders = [images_dir / spelling for spelling in spellings]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is not None:
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in PHOTO_SUFFIXES:
                name = unicodedata.normalize("NFC", file.name)
                by_name[name] = file
                by_stem.setdefault(name[: -len(file.suffix)], []).append(file)
    return by_name, by_stem


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
