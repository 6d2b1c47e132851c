"""Finished trainings on disk, so that a long comparison can be interrupted."""

import io
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from angle_metrics import pair_angles
from digit_data import DigitData
from tf_sphereface.files import write_atomically
from toy_training import TrainedToy


def run_path(folder: Path, loss: str, dim: int, seed: int) -> Path:
    return folder / f"{loss}_{dim}d_seed{seed}.npz"


def save_run(path: Path, run: TrainedToy, settings: dict) -> None:
    """Writes what a training gave, with the settings that it was made with."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        settings=np.array(json.dumps(settings, sort_keys=True)),
        embeddings=run.embeddings,
        kernel=run.kernel,
        test_accuracy=np.array(run.test_accuracy),
    )
    write_atomically(path, buffer.getvalue())


def load_run(
    path: Path, data: DigitData, loss: str, dim: int, seed: int, settings: dict
) -> TrainedToy | None:
    """The training in a file, or None if it is not there or was made otherwise."""
    try:
        # From memory: of a broken file NumPy would leave the handle open.
        with np.load(io.BytesIO(path.read_bytes())) as file:
            parts = dict(file)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError):
        return None
    if parts.get("settings", "") != json.dumps(settings, sort_keys=True):
        return None
    return TrainedToy(
        loss=loss,
        dim=dim,
        seed=seed,
        embeddings=parts["embeddings"],
        labels=data.test_labels,
        kernel=parts["kernel"],
        test_accuracy=float(parts["test_accuracy"]),
        pairs=pair_angles(parts["embeddings"], data.test_labels),
    )


def data_checksum(data: DigitData) -> int:
    """CRC-32 over all images and labels: other digits are another training."""
    checksum = 0
    for part in ("train_images", "train_labels", "test_images", "test_labels"):
        checksum = zlib.crc32(np.ascontiguousarray(getattr(data, part)), checksum)
    return checksum
