"""Alignment of one photo: read, detect, crop, save, and a row for the manifest."""

import dataclasses
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tf_sphereface.data.aligned.manifest import DROPPED, KEPT, TEMPLATE, ManifestRow
from tf_sphereface.data.alignment.batches import small_batches
from tf_sphereface.data.alignment.crops import (
    INSIGHTFACE_CROP,
    choose_faces,
    crop_name,
    cut_insightface_crop,
    face_in_the_middle,
    row_name,
)
from tf_sphereface.data.alignment.vote import VotingModelFile, vote
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
        choice: Which faces of a photo are cropped, one of `ALIGNMENT_CHOICES`.
        aligned: Whether the photos are InsightFace's crops.
        crop: Size and template of the crops.
        last_resort: What is cropped if no face is found, one of `LAST_RESORTS`.
        voting_model: Votes if the choice is "consistent".
    """

    reader: PhotoReader
    out: Path
    networks: Path | None
    settings: MTCNNSettings
    choice: str = "centre"
    aligned: bool = False
    crop: CropGeometry = DEFAULT_CROP
    last_resort: str = "none"
    voting_model: VotingModelFile | None = None


class AlignmentItem(NamedTuple):
    """A photo to align, and its landmarks, ten numbers, if they are given."""

    photo: Photo
    landmarks: tuple[float, ...] | None = None


class _Opened(NamedTuple):
    decoded: DecodedPhoto
    content: bytes  # for a second look at a large photo; empty for others


class _Crop(NamedTuple):
    row: ManifestRow
    encoded: bytes = b""  # empty if there is no crop
    feature: np.ndarray | None = None  # for the vote


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
        self._model = task.voting_model and task.voting_model.open()

    def align_batch(self, batch: list[AlignmentItem]) -> list[ManifestRow]:
        """Aligns some photos and saves their crops.

        Args:
            batch: One of `batches_of`: all photos of a person, if they vote.

        Returns: A row for each photo, in the order of `batch`; after it, those of its
            further faces, if all are cropped.
        Raises: OSError if a crop cannot be written.
        """
        photos = [photo for part in small_batches(batch) for photo in self._cut(part)]
        if self._model is not None:
            photos = _vote(photos)
        crops = [crop for photo in photos for crop in photo]
        for crop in crops:
            if crop.encoded:
                write_inside(self._task.out, crop.row.crop, crop.encoded, private=True)
        return [crop.row for crop in crops]

    def _cut(self, batch):
        """The crops of each photo, at least one entry each."""
        rows = [dropped_row(item.photo, "no face") for item in batch]
        opened = [self._open(item, rows, index) for index, item in enumerate(batch)]
        readable = [index for index, photo in enumerate(opened) if photo is not None]
        found = self._find([(batch[index], opened[index]) for index in readable])
        result = [[_Crop(row)] for row in rows]
        for index, faces in zip(readable, found, strict=True):
            if self._task.aligned:
                result[index] = [self._recrop(rows[index], opened[index])]
            else:
                chosen = self._choose(opened[index], faces)
                if chosen:
                    row = dataclasses.replace(rows[index], faces=len(faces))
                    result[index] = self._crop(row, opened[index], chosen)
        return result

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
        choice = "all" if self._model is not None else self._task.choice
        return choose_faces(faces, choice, *size)

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
            return [_Crop(dataclasses.replace(row, faces=0, reason=_reason(error)))]
        except ValueError:  # such as five times the same point
            row = dataclasses.replace(row, faces=0, reason=LANDMARKS_NO_FACE)
            return [_Crop(row)]
        features = self._features(row.photo, opened, landmarks)
        found = []
        for index, (face, crop) in enumerate(zip(chosen, crops, strict=True)):
            number = 1 if self._model is not None else index + 1  # one will be chosen
            name = crop_name(row.photo, number)
            encoded = io.BytesIO()
            Image.fromarray(crop).save(
                encoded, "JPEG", quality=JPEG_QUALITY, subsampling=0
            )
            kept = dataclasses.replace(
                row,
                photo=row_name(row.photo, number),
                status=KEPT,
                reason="",
                crop=name,
                score=round(face.score, 6),
                box=tuple(np.round(face.box, 3).tolist()),
                landmarks=tuple(landmarks[index].ravel().tolist()),
                landmark_confidence=round(face.landmark_confidence, 4),
                found_by=face.found_by,
            )
            found.append(_Crop(kept, encoded.getvalue(), features[index]))
        return found

    def _features(self, name, opened, landmarks):
        """The voting model's embedding of each face; None without one."""
        if self._model is None:
            return [None] * len(landmarks)
        pixels = self._model.pixel_contract
        crop = self._model.crop or CropGeometry(pixels.height, pixels.width)
        faces = [align_large(name, *opened, points, crop) for points in landmarks]
        features = self._model.embed(np.stack(faces))
        if not np.isfinite(features).all():
            raise InputError(f"the model gives an embedding that is not finite: {name}")
        return features

    def _recrop(self, row, opened):
        pixels, crop = opened.decoded.pixels, self._task.crop
        if pixels.shape[:2] == (INSIGHTFACE_CROP.height, INSIGHTFACE_CROP.width):
            pixels = cut_insightface_crop(pixels, crop)
        if pixels.shape[:2] != (crop.height, crop.width):
            return _Crop(dataclasses.replace(row, reason=f"not {INSIGHTFACE_CROP}"))
        name = crop_name(row.photo, exact=True)
        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, "PNG")  # a second JPEG would lose more
        kept = dataclasses.replace(row, status=KEPT, reason="", crop=name, faces=1)
        return _Crop(kept, encoded.getvalue())


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


def _vote(photos):
    """The crops of one person's photos, one of each photo."""
    # Dropped photos and those without a face have no say.
    voters = [
        index
        for index, (crop, *_) in enumerate(photos)
        if crop.encoded and crop.row.found_by != TEMPLATE
    ]
    chosen = [[photo[0]] for photo in photos]
    votes = vote([[crop.feature for crop in photos[index]] for index in voters])
    for index, (face, chosen_by, margin) in zip(voters, votes, strict=True):
        crop = photos[index][face]
        row = dataclasses.replace(crop.row, chosen_by=chosen_by, vote_margin=margin)
        chosen[index] = [crop._replace(row=row)]
    return chosen


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
