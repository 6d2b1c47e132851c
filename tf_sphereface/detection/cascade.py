"""MTCNN: the cascade of P-Net, R-Net and O-Net around pluggable networks."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from tf_sphereface.detection import boxes as box_math
from tf_sphereface.detection.face import Face

_CELL, _STRIDE = 12, 2  # P-Net's window and step, pixels
_PIXELS_PER_CALL = 400_000  # of photos of one size that go through P-Net together
MODE = "package"

class Networks(Protocol):
    """The three networks; see `LiteRTNetworks` for the arrays."""

    def pnet(self, photos): ...
    def rnet(self, crops): ...
    def onet(self, crops): ...


@dataclasses.dataclass(frozen=True)
class MTCNNSettings:
    smallest_face: float = 20
    pyramid_factor: float = 0.709
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.9)
    nms_level: float = 0.5
    nms_photo: float = 0.7
    nms_refined: float = 0.7
    nms_final: float = 0.7


class MTCNN:
    def __init__(self, networks: Networks, settings: MTCNNSettings | None = None):
        self.networks = networks
        self.settings = settings or MTCNNSettings()

    def detect(self, photos: Sequence[np.ndarray]) -> list[list[Face]]:
        boxes, scores, owners = self._propose(photos)
        boxes, owners = self._refine(photos, boxes, owners)
        return self._finish(photos, boxes, owners)

    def _propose(self, photos):
        s = self.settings
        levels = defaultdict(list)
        for owner, photo in enumerate(photos):
            for shape in level_sizes(photo.shape[:2], s.smallest_face, s.pyramid_factor):
                levels[shape].append(owner)
        found = defaultdict(list)
        for (height, width), owners in levels.items():
            per = max(1, _PIXELS_PER_CALL // (height * width))
            for start in range(0, len(owners), per):
                group = owners[start:start + per]
                x = np.stack([cv2.resize(photos[o], (width, height), interpolation=cv2.INTER_AREA) for o in group])
                offsets, prob = self.networks.pnet(normalize(x))
                for o, off, p in zip(group, offsets, prob):
                    rows, cols = np.nonzero(p > s.thresholds[0])
                    if not len(rows): continue
                    ratio = np.array([photos[o].shape[1] / width, photos[o].shape[0] / height])
                    corner = np.stack([cols, rows], 1) * _STRIDE + 1.0
                    b = np.concatenate([corner, corner + _CELL - 1], 1)
                    b = b + off[rows, cols] * (_CELL - 1)
                    b = b * np.tile(ratio, 2)
                    sc = p[rows, cols]
                    k = box_math.suppress(b, sc, s.nms_level)
                    found[o].append((b[k], sc[k]))
        B, S, O = [np.empty((0, 4))], [np.empty(0)], [np.empty(0, int)]
        for o in sorted(found):
            b = np.concatenate([x[0] for x in found[o]]); sc = np.concatenate([x[1] for x in found[o]])
            k = box_math.suppress(b, sc, s.nms_photo)
            B.append(b[k]); S.append(sc[k]); O.append(np.full(len(k), o))
        return np.concatenate(B), np.concatenate(S), np.concatenate(O)

    def _refine(self, photos, boxes, owners):
        s = self.settings
        boxes = box_math.to_squares(boxes)
        crops, boxes = cut(photos, boxes, owners, 24)
        off, prob = self.networks.rnet(crops)
        boxes = box_math.refine(boxes, off)
        m = prob > s.thresholds[1]
        boxes, prob, owners = boxes[m], prob[m], owners[m]
        B, O = [np.empty((0, 4))], [np.empty(0, int)]
        for o in np.unique(owners):
            i = np.nonzero(owners == o)[0]
            k = i[box_math.suppress(boxes[i], prob[i], s.nms_refined)]
            B.append(boxes[k]); O.append(owners[k])
        return np.concatenate(B), np.concatenate(O)

    def _finish(self, photos, boxes, owners):
        s = self.settings
        boxes = box_math.to_squares(boxes)
        crops, boxes = cut(photos, boxes, owners, 48)
        off, lm, prob = self.networks.onet(crops)
        size = boxes[:, 2:] - boxes[:, :2] + 1
        lm = lm.reshape(-1, 2, 5).transpose(0, 2, 1) * size[:, None] + boxes[:, None, :2] - 1
        boxes = box_math.refine(boxes, off)
        faces = [[] for _ in photos]
        m = prob > s.thresholds[2]
        boxes, prob, owners, lm = boxes[m], prob[m], owners[m], lm[m]
        for o in np.unique(owners):
            i = np.nonzero(owners == o)[0]
            k = i[box_math.suppress(boxes[i], prob[i], s.nms_final, "smaller")]
            faces[o] = [Face(boxes[j], float(prob[j]), lm[j]) for j in k]
        return faces


def normalize(pixels):
    return (pixels.astype(np.float32) - 127.5) / 128


def level_sizes(shape, smallest_face, factor):
    scale, sizes = _CELL / smallest_face, []
    while min(shape) * scale >= _CELL:
        sizes.append((int(shape[0] * scale), int(shape[1] * scale)))
        scale *= factor
    return sizes


def cut(photos, boxes, owners, size):
    out = np.empty((len(boxes), size, size, 3), np.float32)
    if MODE == "area" :
        boxes = boxes.round()
    for j, (b, o) in enumerate(zip(boxes, owners)):
        p = photos[o]
        if MODE == "package":
            H, W = p.shape[:2]
            kx, ky = (W-1)/W, (H-1)/H
            sx, sy = (b[2]-b[0])*kx/(size-1), (b[3]-b[1])*ky/(size-1)
            M = np.array([[sx, 0, b[0]*kx], [0, sy, b[1]*ky]])
            out[j] = cv2.warpAffine(p, M, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=(128, 128, 128))
        elif MODE == "plain":
            sx, sy = (b[2]-b[0])/(size-1), (b[3]-b[1])/(size-1)
            M = np.array([[sx, 0, b[0]], [0, sy, b[1]]])
            out[j] = cv2.warpAffine(p, M, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=(128, 128, 128))
        elif MODE == "half":
            s = (b[2]-b[0]+1)/size
            M = np.array([[s, 0, b[0]+s/2-.5], [0, s, b[1]+s/2-.5]])
            out[j] = cv2.warpAffine(p, M, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=(128, 128, 128))
        elif MODE == "area":
            x1, y1, x2, y2 = b.astype(int)
            x2 += 1; y2 += 1
            H, W = p.shape[:2]
            c = np.full((y2-y1, x2-x1, 3), 128, np.uint8)
            xa, ya, xb, yb = max(x1, 0), max(y1, 0), min(x2, W), min(y2, H)
            if xb > xa and yb > ya: c[ya-y1:yb-y1, xa-x1:xb-x1] = p[ya:yb, xa:xb]
            out[j] = cv2.resize(c, (size, size), interpolation=cv2.INTER_AREA if c.shape[0] > size else cv2.INTER_LINEAR)
    return normalize(out), boxes
