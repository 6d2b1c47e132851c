"""Embeddings for TensorBoard's projector, to be looked at in three dimensions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.similarity import unit_rows
from tf_sphereface.whole_folders import write_together

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
    words = [
        "\t".join(map(_one_field, row)) for row in zip(*columns.values(), strict=True)
    ]
    if len(columns) > 1:  # the projector takes a heading for data of a lone column
        words.insert(0, "\t".join(columns))
    config = (
        "embeddings {\n"
        '  tensor_name: "embeddings"\n'
        f'  tensor_path: "{TENSORS}"\n'
        f'  metadata_path: "{METADATA}"\n'
        "}\n"
    )
    contents = {
        CONFIG: config.encode(),
        METADATA: _lines(words),
        TENSORS: _lines(rows),
    }
    write_together(folder, contents, private=True)


def _one_field(text):
    return " ".join(str(text).split()) or "-"


def _lines(rows):
    return "".join(f"{row}\n" for row in rows).encode(errors="backslashreplace")
