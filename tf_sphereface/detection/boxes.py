"""Arithmetic of boxes: overlap, suppression, refinement. NumPy only.

Boxes are float (boxes, 4), x1,y1,x2,y2 pixels.
"""

import numpy as np

# Suppression compares this many boxes at once: the memory stays small in large photos.
_BLOCK = 512


def overlap(boxes, others, denominator="union"):
    """The shared area of each box with each other box, as a fraction.

    Args:
        boxes: Float (boxes, 4).
        others: Float (others, 4).
        denominator: "union" (Jaccard index) or "smaller", the smaller of both areas.

    Returns: Float (boxes, others), 0..1.
    """
    shared = 1.0
    for axis in (0, 1):  # one by one: an inner axis of two is slow in NumPy
        corner = np.maximum(boxes[:, None, axis], others[None, :, axis])
        opposite = np.minimum(boxes[:, None, axis + 2], others[None, :, axis + 2])
        shared = shared * np.clip(opposite - corner, 0, None)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None]
    other_areas = (others[:, 2:] - others[:, :2]).prod(axis=1)[None]
    if denominator == "union":
        whole = areas + other_areas - shared
    else:
        whole = np.minimum(areas, other_areas)
    return shared / np.maximum(whole, 1e-12)


def best_first(scores):
    """Indices that sort scores, the best first; equal ones keep their order."""
    return np.argsort(-scores, kind="stable")


def suppress(boxes, scores, threshold, denominator="union", rank=best_first):
    """Non-maximum suppression: drops boxes that overlap a better one.

    A dropped box still drops others, so that all comparisons are one matrix. Against
    the usual sequential form, landmarks vary a little less and fewer crops are left.

    Args:
        boxes: Float (boxes, 4).
        scores: Float (boxes,).
        threshold: Boxes with a greater overlap are dropped.
        denominator: As in `overlap`.
        rank: Function of scores that gives the order of the boxes.

    Returns: Integer (kept,), indices of the kept boxes, best first.
    Reference: Fast NMS, YOLACT, https://arxiv.org/abs/1904.02689.
    """
    order = rank(scores)
    if len(order) < 2:  # as on most of the pyramid's levels
        return order
    ranked, alive = boxes[order], np.ones(len(order), bool)
    for start in range(0, len(order), _BLOCK):
        stop = min(start + _BLOCK, len(order))
        clash = overlap(ranked[:stop], ranked[start:stop], denominator) > threshold
        better = np.arange(stop)[:, None] < np.arange(start, stop)
        alive[start:stop] = ~(clash & better).any(axis=0)
    return order[alive]


def refine(boxes, offsets):
    """Moves each corner by its offset times the box size (inclusive pixels: + 1)."""
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + offsets * np.concatenate([sizes, sizes], axis=1)


def to_squares(boxes):
    """Squares around the same centres, as large as the longer side."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True, initial=0) / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)
