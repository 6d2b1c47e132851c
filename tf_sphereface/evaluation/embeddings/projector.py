"""Embeddings for TensorBoard's projector, to be looked at in three dimensions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.files import write_atomically
from tf_sphereface.similarity import unit_rows

TENSORS, METADATA, CONFIG = "tensors.tsv", "metadata.tsv", "projector_config.pbtxt"


def write_projector(
    folder: Path,
    embeddings: np.ndarray,
    names: Sequence[str],
    columns: dict[str, Sequence[str]] | None = None,
) -> None:
    """Writes what `tensorboard --logdir FOLDER` shows under "Projector".

    Embeddings are written with length 1, since angles are what the model is about.

    Args:
        folder: Made if missing; earlier files of these names are replaced.
        embeddings: Float (n, dim), finite.
        names: (n,), of the photos.
        columns: Other words (n,) of each photo by heading, such as its person.

    Raises: ValueError if the lengths differ or an embedding is not finite; OSError if
        the folder is not writable.
    """
    embeddings = np.asarray(embeddings, np.float64)
    columns = {"name": names, **(columns or {})}
    lengths = {key: len(words) for key, words in columns.items()}
    if embeddings.ndim != 2 or set(lengths.values()) != {len(embeddings)}:
        raise ValueError(
            "`embeddings` must be (n, dim), and every column (n,). "
            f"Received: embeddings={embeddings.shape}, columns={lengths}"
        )
    if not np.isfinite(embeddings).all():
        raise ValueError("`embeddings` must be finite")
    unit = unit_rows(embeddings)
    rows = ["\t".join(f"{value:.6g}" for value in row) for row in unit]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / TENSORS, _lines(rows))
    words = [
        "\t".join(map(_one_field, row)) for row in zip(*columns.values(), strict=True)
    ]
    if len(columns) > 1:  # the projector takes a heading for data of a lone column
        words.insert(0, "\t".join(columns))
    write_atomically(folder / METADATA, _lines(words))
    config = (
        "embeddings {\n"
        '  tensor_name: "embeddings"\n'
        f'  tensor_path: "{TENSORS}"\n'
        f'  metadata_path: "{METADATA}"\n'
        "}\n"
    )
    write_atomically(folder / CONFIG, config.encode())


def _one_field(text):
    return " ".join(str(text).split()) or "-"


def _lines(rows):
    return "".join(f"{row}\n" for row in rows).encode(errors="backslashreplace")
