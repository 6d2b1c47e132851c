"""Alignment of one photo: read, detect, crop, save, and a row for the manifest."""

import dataclasses
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tf_sphereface.data.aligned.manifest import DROPPED, KEPT, TEMPLATE, ManifestRow
from tf_sphereface.data.alignment.crops import (
    INSIGHTFACE_CROP,
    choose_faces,
    crop_name,
    cut_insightface_crop,
    face_in_the_middle,
    row_name,
)
from tf_sphereface.data.photos.images import DecodedPhoto, decode_photo
from tf_sphereface.data.photos.names import identity_of
from tf_sphereface.data.sources.photo_source import Photo, PhotoReader
from tf_sphereface.detection import Face, MTCNNSettings, load_detector
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_inside
from tf_sphereface.geometry import (
    DEFAULT_CROP,
    CropGeometry,
    align_face,
    crop_transform,
)

JPEG_QUALITY = 95
LANDMARKS_NO_FACE = "landmarks that fit no face"
LANDMARKS_OUTSIDE = "landmarks outside the photo"
# Faces are looked for in no more pixels than this: memory and time are bounded.
MOST_PIXELS = 24_000_000


@dataclasses.dataclass(frozen=True)
class AlignmentTask:
    """Settings that all photos of a run share.

    Args:
        reader: Reads the photos.
        out: The aligned folder; the identities' folders exist.
        networks: Folder with the detector's networks; None looks for no faces: all
            photos are aligned already, or their landmarks are given.
        settings: What the detector looks for.
        choice: Which faces of a photo are cropped, one of `CHOICES`.
        aligned: Whether the photos are InsightFace's crops.
        crop: Size and template of the crops.
        last_resort: What is cropped if no face is found, one of `LAST_RESORTS`.
    """

    reader: PhotoReader
    out: Path
    networks: Path | None
    settings: MTCNNSettings
    choice: str = "centre"
    aligned: bool = False
    crop: CropGeometry = DEFAULT_CROP
    last_resort: str = "none"


class AlignmentItem(NamedTuple):
    """A photo to align, and its landmarks, ten numbers, if they are given."""

    photo: Photo
    landmarks: tuple[float, ...] | None = None


class _Opened(NamedTuple):
    decoded: DecodedPhoto
    content: bytes  # for a second look at a large photo; empty for others


def dropped_row(photo: Photo, reason: str) -> ManifestRow:
    """The manifest's row of a photo that gives no crop."""
    return ManifestRow(
        photo=photo.name,
        identity=identity_of(photo.name),
        status=DROPPED,
        reason=reason,
        bytes=photo.bytes,
        modified_ns=photo.modified_ns,
    )


class PhotoAligner:
    """Aligns photos as an `AlignmentTask` says; loads the detector once.

    Args:
        task: What to do.

    Raises: InputError if a network of the detector is missing or damaged.
    """

    def __init__(self, task: AlignmentTask):
        self._task = task
        self._detector = None
        if task.networks is not None:
            self._detector = load_detector(task.networks, task.settings)

    def align_batch(self, batch: list[AlignmentItem]) -> list[ManifestRow]:
        """Aligns some photos and saves their crops.

        Returns: A row for each photo, in the order of `batch`; after it, those of its
            further faces, if all are cropped.
        Raises: OSError if a crop cannot be written.
        """
        rows = [dropped_row(item.photo, "no face") for item in batch]
        opened = [self._open(item, rows, index) for index, item in enumerate(batch)]
        readable = [index for index, photo in enumerate(opened) if photo is not None]
        found = self._find([(batch[index], opened[index]) for index in readable])
        result = {index: [row] for index, row in enumerate(rows)}
        for index, faces in zip(readable, found, strict=True):
            if self._task.aligned:
                result[index] = [self._recrop(rows[index], opened[index])]
            else:
                chosen = self._choose(opened[index], faces)
                if chosen:
                    row = dataclasses.replace(rows[index], faces=len(faces))
                    result[index] = self._crop(row, opened[index], chosen)
        return [row for index in range(len(batch)) for row in result[index]]

    def _open(self, item, rows, index):
        """The decoded photo; without one, the row gets the reason."""
        photo, smallest = item.photo, self._task.settings.smallest_face
        try:
            content = self._task.reader.read(photo.place)
            decoded = decode_photo(content, photo.name, MOST_PIXELS)
        except (FileNotFoundError, NotADirectoryError):
            reason = "no such photo"
        except InputError as error:
            reason = _reason(error)
        except OSError:
            reason = "cannot be read"
        else:
            shape, reason = decoded.pixels.shape, "too small"
            if item.landmarks and not decoded.shows(np.reshape(item.landmarks, (5, 2))):
                reason = LANDMARKS_OUTSIDE
            elif self._detector is None or min(shape[:2]) >= smallest:
                return _Opened(decoded, content if decoded.reduction > 1 else b"")
        rows[index] = dropped_row(photo, reason)
        return None

    def _find(self, photos):
        """The faces of each photo, in pixels of the photo."""
        if self._task.aligned:
            return [[] for _ in photos]
        if self._detector is None:
            return [[_given(item.landmarks)] for item, _ in photos]
        pictures = [opened.decoded for _, opened in photos]
        found = self._detector.detect([picture.pixels for picture in pictures])
        return [
            [enlarged(face, picture) for face in faces]
            for picture, faces in zip(pictures, found, strict=True)
        ]

    def _choose(self, opened, faces):
        """The faces to crop of those that were found, or the last resort."""
        if self._detector is None:
            return faces
        reduction = opened.decoded.reduction
        height, width = opened.decoded.pixels.shape[:2]
        size = height * reduction, width * reduction
        if not faces and self._task.last_resort == TEMPLATE:
            return [face_in_the_middle(*size)]
        return choose_faces(faces, self._task.choice, *size)

    def _crop(self, row, opened, chosen):
        # The crops are made from the numbers in the manifest, so that they can be made
        # again.
        landmarks = [np.round(face.landmarks, 3) for face in chosen]
        try:
            crops = [
                align_large(row.photo, *opened, points, self._task.crop)
                for points in landmarks
            ]
        except InputError as error:
            return [dataclasses.replace(row, faces=0, reason=_reason(error))]
        except ValueError:  # such as five times the same point
            return [dataclasses.replace(row, faces=0, reason=LANDMARKS_NO_FACE)]
        rows = []
        for number, (face, crop) in enumerate(zip(chosen, crops, strict=True), start=1):
            name = crop_name(row.photo, number)
            encoded = io.BytesIO()
            Image.fromarray(crop).save(
                encoded, "JPEG", quality=JPEG_QUALITY, subsampling=0
            )
            _write(self._task.out, name, encoded)
            kept = dataclasses.replace(
                row,
                photo=row_name(row.photo, number),
                status=KEPT,
                reason="",
                crop=name,
                score=round(face.score, 6),
                box=tuple(np.round(face.box, 3).tolist()),
                landmarks=tuple(landmarks[number - 1].ravel().tolist()),
                landmark_confidence=round(face.landmark_confidence, 4),
                found_by=face.found_by,
            )
            rows.append(kept)
        return rows

    def _recrop(self, row, opened):
        pixels, crop = opened.decoded.pixels, self._task.crop
        if pixels.shape[:2] == (INSIGHTFACE_CROP.height, INSIGHTFACE_CROP.width):
            pixels = cut_insightface_crop(pixels, crop)
        if pixels.shape[:2] != (crop.height, crop.width):
            return dataclasses.replace(row, reason=f"not {INSIGHTFACE_CROP}")
        name = crop_name(row.photo, exact=True)
        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, "PNG")  # a second JPEG would lose more
        _write(self._task.out, name, encoded)
        return dataclasses.replace(row, status=KEPT, reason="", crop=name, faces=1)


def align_large(
    name: str,
    picture: DecodedPhoto,
    content: bytes,
    landmarks: np.ndarray,
    crop: CropGeometry = DEFAULT_CROP,
) -> np.ndarray:
    """The crop of a face in a photo that may have been reduced.

    It is warped from the reduced photo, unless the face is so small there that the warp
    would enlarge it: then the photo is read again in full.

    Args:
        name: The photo's, for messages.
        picture: The photo, reduced or not.
        content: The encoded photo, if it was reduced.
        landmarks: Float (5, 2), x,y pixels of the photo.
        crop: Size and template of the crop.

    Returns: uint8 (height, width, 3), RGB.
    """
    points = picture.from_photo(landmarks)
    if picture.reduction == 1:
        return align_face(picture.pixels, landmarks, crop)
    linear = crop_transform(points, crop)[:, :2]
    if np.linalg.det(linear) > 1 + 1e-6:
        return align_face(decode_photo(content, name).pixels, landmarks, crop)
    return align_face(picture.pixels, points, crop)


def _write(out, name, encoded):
    write_inside(out, name, encoded.getvalue(), private=True)


def _reason(error):
    return str(error).split(":")[0]


def enlarged(face: Face, picture: DecodedPhoto) -> Face:
    """A face of a reduced photo, in pixels of the photo."""
    return dataclasses.replace(
        face,
        box=picture.to_photo(face.box.reshape(2, 2)).ravel(),
        landmarks=picture.to_photo(face.landmarks),
    )


def _given(landmarks):
    points = np.reshape(landmarks, (5, 2))
    return Face(np.empty(0), float("nan"), points, found_by="")
