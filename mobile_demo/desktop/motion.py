"""Boxes that move with the picture between two searches for faces."""

import cv2
import numpy as np

_LARGEST_SIDE = 320  # pixels of the picture in which movement is looked for
_GRID = np.linspace(0.25, 0.75, 5)  # of a box: its inner part belongs to the face
_FEWEST = 8  # points of a box that must have been found again, of 25
_MOST_CHANGE = 1.15  # of the size of a box


class Motion:
    """One picture, made ready to tell movements from or to it.

    Args:
        pixels: uint8 (height, width, 3), RGB.
    """

    def __init__(self, pixels: np.ndarray):
        self._scale = min(1.0, _LARGEST_SIDE / max(pixels.shape[:2]))
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        self._grey = cv2.resize(
            grey, None, fx=self._scale, fy=self._scale, interpolation=cv2.INTER_AREA
        )

    def moved(self, boxes: np.ndarray, now: "Motion") -> np.ndarray:
        """The places of boxes in a later picture.

        Args:
            boxes: Float (boxes, 4), x1,y1,x2,y2 pixels of this picture.
            now: The later picture.

        Returns: Float (boxes, 4); a box that is lost stays where it was.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        if not len(boxes) or now._grey.shape != self._grey.shape:
            return boxes
        points = _points(boxes) * self._scale
        flat = np.float32(points.reshape(-1, 1, 2))
        found, status, _ = cv2.calcOpticalFlowPyrLK(
            self._grey, now._grey, flat, None, winSize=(15, 15), maxLevel=3
        )
        found = found.reshape(points.shape).astype(np.float64) / self._scale
        status = status.reshape(points.shape[:2]).astype(bool)
        rows = zip(boxes, points / self._scale, found, status, strict=True)
        return np.array([_box(*row) for row in rows])


def _points(boxes):
    x, y = (grid.ravel() for grid in np.meshgrid(_GRID, _GRID))
    sizes = boxes[:, 2:] - boxes[:, :2]
    return boxes[:, None, :2] + np.stack([x, y], axis=1) * sizes[:, None]


def _box(box, before, after, seen):
    if seen.sum() < _FEWEST:
        return box
    before, after = before[seen], after[seen]
    centres = np.median(before, axis=0), np.median(after, axis=0)
    spreads = [
        np.median(np.linalg.norm(points - centre, axis=1))
        for points, centre in zip((before, after), centres, strict=True)
    ]
    growth = spreads[1] / max(spreads[0], 1e-3)
    growth = float(np.clip(growth, 1 / _MOST_CHANGE, _MOST_CHANGE))
    corners = box.reshape(2, 2)
    return (centres[1] + (corners - centres[0]) * growth).ravel()
