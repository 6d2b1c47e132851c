"""MTCNN: the cascade of P-Net, R-Net and O-Net around pluggable networks."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from tf_sphereface.detection.arithmetic import EXACT, Arithmetic
from tf_sphereface.detection.boxes import refine, suppress, to_squares
from tf_sphereface.detection.consensus import (
    LANDMARK_RULES,
    agree_on_landmarks,
    to_points,
)
from tf_sphereface.detection.face import SECOND_LOOK, Face

_CELL, _STRIDE = 12, 2  # P-Net's window and its step, pixels
_RNET_SIDE, _ONET_SIDE = 24, 48
_PIXELS_PER_CALL = 400_000  # of photos of one size that go through P-Net together
# Proposals of a photo, strongest first: a crowd on 24 megapixels gives 8,000. The time
# of suppression is the square of the number, and some settings ask for millions.
_MOST_PROPOSALS = 10_000
# Settings of bundles and aligned folders that are older than the setting.
EARLIER_RULES = {"landmark_rule": "single", "second_thresholds": ()}
_SECOND_FACTOR = 0.8
_ENLARGED_PIXELS = 1_000_000  # of the largest photo that a second look enlarges
_OVERLAPS = ("level_overlap", "photo_overlap", "refined_overlap", "face_overlap")


class Networks(Protocol):
    """The three networks; `LiteRTNetworks` says what they take and give."""

    def pnet(self, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...

    def rnet(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...

    def onet(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...


@dataclasses.dataclass(frozen=True)
class MTCNNSettings:
    """Settings of the cascade.

    Args:
        smallest_face: Side of the smallest face to find, pixels, at least 12. The time
            grows with 1 / smallest_face^2.
        pyramid_factor: Size of a pyramid level as a fraction of the level before. The
            SphereFace release has 0.85; 0.709 halves the area from level to level,
            is 1.5 times as fast and gives landmarks that are no worse.
        thresholds: Least face probability after P-Net, R-Net and O-Net.
        level_overlap: Greatest overlap of proposals of one pyramid level.
        photo_overlap: Greatest overlap of proposals of all levels.
        refined_overlap: Greatest overlap of boxes after R-Net.
        face_overlap: Greatest overlap of two faces, as a fraction of the smaller.
        second_thresholds: The thresholds of a second look at photos in which no face
            was found: at a pyramid factor of 0.8 at least and, up to a million pixels,
            enlarged to twice the size. Empty: no second look.
        landmark_rule: "single", what O-Net says of the square in which it finds the
            face, or "consensus", as `agree_on_landmarks`.

    Raises: ValueError if a value is out of range: the time for a photo has a bound,
        whoever chose the settings.
    """

    smallest_face: float = 20
    pyramid_factor: float = 0.709
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.9)
    level_overlap: float = 0.5
    photo_overlap: float = 0.7
    refined_overlap: float = 0.7
    face_overlap: float = 0.7
    second_thresholds: tuple[float, ...] = (0.5, 0.6, 0.7)
    landmark_rule: str = "consensus"

    def __post_init__(self):
        if not _CELL <= self.smallest_face < float("inf"):
            raise ValueError(
                f"`smallest_face` must be at least {_CELL} pixels. "
                f"Received: smallest_face={self.smallest_face!r}"
            )
        if not 0.1 <= self.pyramid_factor <= 0.9:  # nearer to 1, levels without end
            raise ValueError(
                "`pyramid_factor` must be between 0.1 and 0.9. "
                f"Received: pyramid_factor={self.pyramid_factor!r}"
            )
        for name, lengths in (("thresholds", (3,)), ("second_thresholds", (0, 3))):
            numbers = getattr(self, name)
            if len(numbers) not in lengths or not all(0.1 <= t < 1 for t in numbers):
                raise ValueError(
                    f"`{name}` must be three numbers, each at least 0.1 and below 1. "
                    f"Received: {name}={numbers!r}"
                )
        for name in _OVERLAPS:
            if not 0 < (overlap := getattr(self, name)) < 1:
                raise ValueError(
                    f"`{name}` must be above 0 and below 1. "
                    f"Received: {name}={overlap!r}"
                )

        if self.landmark_rule not in LANDMARK_RULES:
            raise ValueError(
                f"`landmark_rule` must be one of {LANDMARK_RULES}. "
                f"Received: landmark_rule={self.landmark_rule!r}"
            )

    @property
    def second_look(self) -> "MTCNNSettings | None":
        """The settings of the second look, or None."""
        if not self.second_thresholds:
            return None
        return dataclasses.replace(
            self,
            thresholds=self.second_thresholds,
            pyramid_factor=max(self.pyramid_factor, _SECOND_FACTOR),
            second_thresholds=(),
        )

    @property
    def levels_area(self) -> float:
        """Pixels of all pyramid levels as a multiple of the photo's, at most."""
        return (_CELL / self.smallest_face) ** 2 / (1 - self.pyramid_factor**2)


class MTCNN:
    """Finds faces and their five landmarks in photos of any size.

    Args:
        networks: The three networks.
        settings: What to look for.
        arithmetic: The steps between the networks.

    Reference: Zhang et al., https://arxiv.org/abs/1604.02878. Unlike there, boxes are
        refined before the suppression and crops have no whole-pixel corners, as in the
        `mtcnn` package; levels and crops are more exact than in both.
    """

    def __init__(
        self,
        networks: Networks,
        settings: MTCNNSettings | None = None,
        arithmetic: Arithmetic = EXACT,
    ):
        self.networks = networks
        self.settings = settings if settings is not None else MTCNNSettings()
        self._arithmetic = arithmetic
        second = self.settings.second_look
        self._second = MTCNN(networks, second, arithmetic) if second else None

    def detect(self, photos: Sequence[np.ndarray]) -> list[list[Face]]:
        """Finds the faces of each photo; photos of one size go faster together.

        Args:
            photos: uint8 (height, width, 3) RGB each; the sizes may differ. A photo
                smaller than a face has no face.

        Returns: One list of faces for each photo, best score first.
        Raises: ValueError if a photo has another shape or dtype.
        """
        for photo in photos:
            if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
                raise ValueError(
                    "`photos` must be uint8 (height, width, 3). "
                    f"Received: {photo.dtype} {photo.shape}"
                )
        boxes, owners = self._propose(photos)
        boxes, owners = self._judge_proposals(photos, to_squares(boxes), owners)
        found = self._find_landmarks(photos, to_squares(boxes), owners)
        if self._second:
            for photo, faces in zip(photos, found, strict=True):
                # One by one: they are few, and enlarged.
                faces[:] = faces or self._look_again(photo)
        return found

    def _look_again(self, photo):
        larger = photo.shape[0] * photo.shape[1] <= _ENLARGED_PIXELS
        if larger:
            photo = cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
        (faces,) = self._second.detect([photo])
        return [_from_second_look(face, 2 if larger else 1) for face in faces]

    def _propose(self, photos):
        settings = self.settings
        levels = defaultdict(list)
        for owner, photo in enumerate(photos):
            for level in self._arithmetic.levels(
                *photo.shape[:2], _CELL, settings.smallest_face, settings.pyramid_factor
            ):
                levels[level].append(owner)
        pyramids = [self._arithmetic.pyramid(photo) for photo in photos]
        proposals = [[] for _ in photos]  # boxes and scores of each level
        for (size, scales), members in levels.items():
            together = max(1, _PIXELS_PER_CALL // (size[0] * size[1]))
            for start in range(0, len(members), together):
                group = members[start : start + together]
                for owner, found in zip(
                    group, self._scan(pyramids, group, size, scales), strict=True
                ):
                    proposals[owner].append(found)
        boxes, scores, owners = [np.empty((0, 4))], [np.empty(0)], [np.empty(0, int)]
        for owner, found in enumerate(proposals):
            for level_boxes, level_scores in _strongest(found):
                kept = suppress(
                    level_boxes,
                    level_scores,
                    settings.level_overlap,
                    rank=self._arithmetic.rank,
                )
                boxes.append(level_boxes[kept])
                scores.append(level_scores[kept])
                owners.append(np.full(len(kept), owner))
        boxes, scores, owners = map(np.concatenate, (boxes, scores, owners))
        kept = self._suppress_each(boxes, scores, owners, settings.photo_overlap)
        return boxes[kept], owners[kept]

    def _scan(self, pyramids, group, size, scales):
        """Runs P-Net over one level of some photos; gives boxes and scores of each."""
        level = np.stack([pyramids[owner](*size) for owner in group])
        found = []
        for offsets, scores in zip(*self.networks.pnet(level), strict=True):
            rows, columns = np.nonzero(scores > self.settings.thresholds[0])
            best = _best(scores[rows, columns])
            rows, columns = rows[best], columns[best]
            # The + 1 belongs to the weights: their training counted pixels from 1.
            corners = np.stack([columns, rows], axis=1) * _STRIDE + 1.0
            boxes = np.concatenate([corners, corners + _CELL - 1], axis=1)
            boxes += offsets[rows, columns] * (_CELL - 1)
            found.append((boxes / (*scales, *scales), scores[rows, columns]))
        return found

    def _judge_proposals(self, photos, boxes, owners):
        crops = self._arithmetic.crops(photos, boxes, owners, _RNET_SIDE)
        offsets, scores = self.networks.rnet(crops)
        sure = scores > self.settings.thresholds[1]
        boxes, owners = refine(boxes[sure], offsets[sure]), owners[sure]
        kept = self._suppress_each(
            boxes, scores[sure], owners, self.settings.refined_overlap
        )
        return boxes[kept], owners[kept]

    def _find_landmarks(self, photos, boxes, owners):
        crops = self._arithmetic.crops(photos, boxes, owners, _ONET_SIDE)
        offsets, landmarks, scores = self.networks.onet(crops)
        sides = boxes[:, 2:] - boxes[:, :2] + 1
        points = to_points(landmarks) * sides[:, None] + boxes[:, None, :2] - 1
        boxes = refine(boxes, offsets)
        sure = np.nonzero(scores > self.settings.thresholds[2])[0]
        overlap = self.settings.face_overlap
        kept = self._suppress_each(
            boxes[sure], scores[sure], owners[sure], overlap, "smaller"
        )
        found = sure[kept]
        boxes, scores, points = boxes[found], scores[found], points[found]
        owners, confidences = owners[found], np.full(len(found), np.nan)
        if self.settings.landmark_rule == "consensus":
            points, confidences = agree_on_landmarks(
                self.networks.onet, photos, owners, boxes, points
            )
        faces = [[] for _ in photos]
        for box, score, face, confidence, owner in zip(
            boxes, scores, points, confidences, owners, strict=True
        ):
            faces[owner].append(Face(box, float(score), face, float(confidence)))
        return faces

    def _suppress_each(self, boxes, scores, owners, threshold, denominator="union"):
        """Suppression within each photo; gives indices, photo by photo, best first."""
        kept = [np.empty(0, int)]
        for owner in np.unique(owners):
            members = np.nonzero(owners == owner)[0]
            best = suppress(
                boxes[members],
                scores[members],
                threshold,
                denominator,
                self._arithmetic.rank,
            )
            kept.append(members[best])
        return np.concatenate(kept)


def _from_second_look(face, scale):
    """A face of an enlarged photo in pixels of the photo: edges stay edges."""
    return dataclasses.replace(
        face,
        box=(face.box + 0.5) / scale - 0.5,
        landmarks=(face.landmarks + 0.5) / scale - 0.5,
        found_by=SECOND_LOOK,
    )


def _best(scores):
    """Indices of the `_MOST_PROPOSALS` highest scores, in their order."""
    if len(scores) <= _MOST_PROPOSALS:
        return np.arange(len(scores))
    return np.sort(np.argsort(-scores, kind="stable")[:_MOST_PROPOSALS])


def _strongest(levels):
    """The strongest proposals of a photo, still level by level."""
    kept = _best(np.concatenate([np.empty(0), *(scores for _, scores in levels)]))
    start = 0
    for boxes, scores in levels:
        of_level = kept[(start <= kept) & (kept < start + len(scores))] - start
        yield boxes[of_level], scores[of_level]
        start += len(scores)
