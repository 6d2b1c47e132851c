"""What a process of `align_photos` does: read, detect, crop and save some photos."""

import io
import multiprocessing
import os
import signal
import threading
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tf_sphereface.data.alignment_manifest import DROPPED, KEPT, ManifestRow
from tf_sphereface.data.images import read_photo
from tf_sphereface.detection import (
    FaceDetector,
    MTCNNSettings,
    load_detector,
    nearest_to_centre,
)
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.geometry import align_face

JPEG_QUALITY = 95

_detector = None


def start_worker(networks: Path, settings: MTCNNSettings) -> None:
    """Prepares a worker process: its detector, one thread, an end with its parent."""
    global _detector
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()
    cv2.setNumThreads(1)
    _detector = load_detector(networks, settings)


def align_in_worker(*arguments) -> list[ManifestRow]:
    """`align_batch` with the detector of this process."""
    return align_batch(_detector, *arguments)


def align_batch(
    detector: FaceDetector,
    source: Path,
    out: Path,
    batch: list[tuple[str, str]],
    smallest_side: int,
) -> list[ManifestRow]:
    """Aligns some photos and saves their crops.

    Args:
        detector: Finds the faces.
        source: The folder of identities.
        out: The aligned folder; the identities' folders exist.
        batch: "IDENTITY/FILE" of each photo, and of its crop.
        smallest_side: Photos with a shorter side, pixels, are too small.

    Returns: A row for each photo, in the order of `batch`.
    Raises: OSError if a crop cannot be written.
    """
    rows, photos = [], []
    for name, _ in batch:
        row, photo = _read(source, name, smallest_side)
        rows.append(row)
        photos.append(photo)
    readable = [index for index, photo in enumerate(photos) if photo is not None]
    found = detector.detect([photos[index] for index in readable])
    for index, faces in zip(readable, found, strict=True):
        rows[index] = _crop(photos[index], faces, rows[index], out, batch[index][1])
    return rows


def _read(source, name, smallest_side):
    path = source / name
    row = {"photo": name, "identity": name.split("/")[0], "status": DROPPED}
    try:
        status = path.stat()
        row |= {"bytes": status.st_size, "modified_ns": status.st_mtime_ns}
        photo = read_photo(path)
    except FileNotFoundError:
        return ManifestRow(**row, reason="no such photo"), None
    except InputError as error:
        return ManifestRow(**row, reason=str(error).split(":")[0]), None
    if min(photo.shape[:2]) < smallest_side:
        return ManifestRow(**row, reason="too small"), None
    return ManifestRow(**row, reason="no face"), photo


def _crop(photo, faces, row, out, crop):
    face = nearest_to_centre(faces, *photo.shape[:2])
    if face is None:
        return row
    # The crop is made from the numbers in the manifest, so that it can be made again.
    landmarks = np.round(face.landmarks, 3)
    encoded = io.BytesIO()
    Image.fromarray(align_face(photo, landmarks)).save(
        encoded, "JPEG", quality=JPEG_QUALITY, subsampling=0
    )
    write_atomically(out / crop, encoded.getvalue())
    return ManifestRow(
        photo=row.photo,
        identity=row.identity,
        status=KEPT,
        crop=crop,
        faces=len(faces),
        score=round(face.score, 6),
        box=tuple(np.round(face.box, 3).tolist()),
        landmarks=tuple(landmarks.ravel().tolist()),
        bytes=row.bytes,
        modified_ns=row.modified_ns,
    )


def _exit_after(parent):
    # A killed parent cannot end its workers; they would wait for work for ever.
    parent.join()
    os._exit(1)
