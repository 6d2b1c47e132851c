"""Cases of the face detector: its boxes, and its cascade around scripted networks."""

import numpy as np

from case_makers.case_folder import CaseFolder
from case_makers.pixels import sample_photo
from tf_sphereface.detection import MTCNN, MTCNNSettings
from tf_sphereface.detection.boxes import overlap, refine, suppress, to_squares
from tf_sphereface.detection.consensus import agree_on_landmarks

# Landmarks in a box of O-Net, fractions: near its own means.
_MEANS = np.array(
    [[0.30, 0.37], [0.70, 0.36], [0.50, 0.59], [0.33, 0.80], [0.68, 0.79]]
)
_SWAPPED = [1, 0, 2, 4, 3]


def add_cascade_cases(folder: CaseFolder) -> None:
    """Adds the topics of the detector."""
    _add_boxes(folder)
    _add_consensus(folder)
    _add_cascades(folder)


def _add_boxes(folder):
    rng, cases = np.random.default_rng(2), []
    for count in (0, 1, 12):
        corners = rng.uniform(0, 60, (count, 2)).round(2)
        sides = rng.uniform(15, 45, (count, 2)).round(2)
        boxes = np.concatenate([corners, corners + sides], axis=1)
        scores = rng.uniform(0.5, 1, count).round(4)
        scores[count // 2 :: 5] = 0.75  # equal ones keep their order
        offsets = rng.normal(0, 0.1, (count, 4)).round(4)
        case = {
            "name": f"{count} boxes",
            "boxes": boxes,
            "scores": scores,
            "offsets": offsets,
            "overlap_union": overlap(boxes, boxes),
            "overlap_smaller": overlap(boxes, boxes, "smaller"),
            "kept": [
                {"threshold": least, "denominator": name, "indices": kept}
                for name in ("union", "smaller")
                for least in (0.3, 0.5, 0.7)
                for kept in [suppress(boxes, scores, least, name)]
            ],
            "refined": refine(boxes, offsets),
            "squares": to_squares(boxes),
        }
        cases.append(case)
    folder.topic(
        "boxes",
        "Suppression: a box goes if it overlaps a better one by more than the "
        "threshold, though that one goes itself; indices are best first.",
        cases,
        tolerance=1e-6,
    )


def _landmark_answer(points):
    """(5, 2) as O-Net gives them: five x and five y."""
    return np.asarray(points).T.reshape(10)


class ScriptedNetworks:
    """Networks that give prepared answers, in the order in which they are asked.

    Args:
        cells: Strong cells of P-Net by the size of its input, (height, width): dicts of
            row, column, score and offsets. All others have a probability of 0.
        rnet: A dict of offsets and score for each crop.
        onet: A dict of offsets, landmarks and score for each crop.
    """

    def __init__(self, cells, rnet, onet):
        self._cells, self._rnet, self._onet = cells, list(rnet), list(onet)
        self.asked = {"pnet": [], "rnet": 0, "onet": 0}

    def pnet(self, photos):
        offsets, scores = [], []
        for photo in photos:
            height, width = photo.shape[:2]
            self.asked["pnet"].append([height, width])
            size = [-(-(side - 2) // 2) - 4 for side in (height, width)]
            offsets.append(np.zeros((*size, 4), np.float32))
            scores.append(np.zeros(size, np.float32))
            for cell in self._cells.get((height, width), ()):
                place = cell["row"], cell["column"]
                offsets[-1][place] = cell["offsets"]
                scores[-1][place] = cell["score"]
        return np.stack(offsets), np.stack(scores)

    def rnet(self, crops):
        given = self._take("rnet", self._rnet, len(crops))
        return _rows(given, "offsets", 4), _rows(given, "score", 0)

    def onet(self, crops):
        given = self._take("onet", self._onet, len(crops))
        return (
            _rows(given, "offsets", 4),
            _rows(given, "landmarks", 10),
            _rows(given, "score", 0),
        )

    def _take(self, name, answers, count):
        start = self.asked[name]
        self.asked[name] += count
        assert len(answers) >= start + count, f"{name}: too few answers"
        return answers[start : start + count]


def _rows(answers, key, width):
    shape = (len(answers), width) if width else len(answers)
    return np.array([a[key] for a in answers], np.float32).reshape(shape)


def _onet_answer(points, score=0.99, offsets=(0, 0, 0, 0)):
    """As stored: numbers that float32 has too."""
    return {
        "offsets": np.float32(offsets),
        "landmarks": np.float32(_landmark_answer(points)),
        "score": np.float32(score),
    }


def _opinions(rng, spread, shift=0.0):
    """Answers on a face and on its mirror image, for one round."""
    plain = _MEANS + rng.normal(0, spread, (5, 2)) + shift
    mirrored = (_MEANS + rng.normal(0, spread, (5, 2)) + shift)[_SWAPPED]
    mirrored[:, 0] = 1 - mirrored[:, 0]
    return plain, mirrored


def _add_consensus(folder):
    photo, landmarks = sample_photo()
    landmarks = landmarks.round(3)
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    box = np.concatenate([low - 14, high + 12]).round(2)
    turned = landmarks - landmarks.mean(axis=0)
    turned = turned @ np.array([[0.8, 0.6], [-0.6, 0.8]]) + landmarks.mean(axis=0)
    cases, rng = [], np.random.default_rng(17)
    for name, first, spread, shift in (
        ("agreement", landmarks, 0.004, 0.0),
        ("turned", turned.round(3), 0.02, 0.01),
        ("disagreement", landmarks, 0.3, 0.0),
        ("leaves its box", landmarks, 0.004, 3.0),
        ("one point", np.tile(landmarks[:1], (5, 1)), 0.004, 0.0),
        ("no numbers", landmarks, float("nan"), 0.0),
    ):
        rounds = [
            [_onet_answer(points) for points in _opinions(rng, spread, shift)]
            for _ in range(2)
        ]
        networks, seen = ScriptedNetworks({}, (), sum(rounds, [])), []
        agreed, confidence = agree_on_landmarks(
            _watched(networks.onet, seen),
            [photo],
            np.array([0]),
            box[None],
            first[None],
        )
        case = {
            "name": name,
            "photo": "photo.png",
            "box": box,
            "landmarks": first,
            "answers": [[a["landmarks"] for a in each] for each in rounds],
            "rounds_asked": len(seen),
            "agreed": agreed[0],
            "confidence": confidence[0],
        }
        if seen and name in ("agreement", "turned"):
            upright, mirror = np.rint(seen[0] * 128 + 127.5).astype(np.uint8)
            case["upright"] = folder.png(f"consensus/{name}", upright)
            case["mirrored"] = folder.png(f"consensus/{name}_mirrored", mirror)
        cases.append(case)
    folder.topic(
        "consensus",
        "Two rounds of O-Net on the face warped upright, and on its mirror image. "
        "`answers` has for each round the ten numbers for both (null is no number).",
        cases,
        tolerance={
            "landmarks": 1e-4,
            "confidence": 1e-6,
            "grey_levels": 1,
            "share_of_bytes": 0.002,
        },
    )


def _watched(onet, seen):
    def ask(crops):
        seen.append(crops)
        return onet(crops)

    return ask


def _add_cascades(folder):
    photo, _ = sample_photo()
    levels = [(57, 47), (40, 33), (28, 23), (20, 16)]
    second = [(115, 94), (92, 75), (73, 60)]
    settings = {
        "first look": MTCNNSettings(),
        "single landmarks": MTCNNSettings(landmark_rule="single"),
        "second look": MTCNNSettings(),
        "no face": MTCNNSettings(second_thresholds=()),
    }
    cases = []
    for seed, (name, chosen) in enumerate(settings.items(), start=1):
        rng = np.random.default_rng(seed)
        places = {"second look": second, "no face": []}.get(name, levels)
        cells = {size: _cells(rng, size) for size in places}
        rnet = [_rnet_answer(rng) for _ in range(40)]
        onet = [
            _onet_answer(
                _MEANS + rng.normal(0, 0.02, (5, 2)),
                rng.choice([0.999, 0.95, 0.8, 0.3]),
                rng.normal(0, 0.05, 4),
            )
            for _ in range(60)
        ]
        networks = ScriptedNetworks(cells, rnet, onet)
        (faces,) = MTCNN(networks, chosen).detect([photo])
        asked = networks.asked
        cases.append(
            {
                "name": name,
                "photo": "photo.png",
                "settings": _told(chosen),
                "pnet": [
                    {"height": size[0], "width": size[1], "cells": strong}
                    for size, strong in cells.items()
                ],
                "rnet": rnet[: asked["rnet"]],
                "onet": onet[: asked["onet"]],
                "levels_asked": asked["pnet"],
                "faces": [described(face) for face in faces],
            }
        )
    folder.topic(
        "cascade",
        "The whole detector around networks that give these answers in turn: of P-Net "
        "the cells that are not 0, of R-Net and O-Net an answer for each crop, in the "
        "order in which crops are asked about. In a round of the consensus all faces "
        "come first and then their mirror images, in the order of the faces.",
        cases,
        tolerance=1e-3,
    )


def described(face) -> dict:
    """A face, as the cases have it."""
    return {
        "box": face.box,
        "score": face.score,
        "landmarks": face.landmarks,
        "confidence": face.landmark_confidence,
        "found_by": face.found_by,
    }


def _told(settings):
    return {key: value for key, value in vars(settings).items()}


def _cells(rng, size):
    rows, columns = (-(-(side - 2) // 2) - 4 for side in size)
    strong = []
    for _ in range(4):
        strong.append(
            {
                "row": rng.integers(rows),
                "column": rng.integers(columns),
                "score": np.float32(rng.uniform(0.55, 1)),
                "offsets": np.float32(rng.normal(0, 0.1, 4).round(4)),
            }
        )
    return strong


def _rnet_answer(rng):
    return {
        "offsets": np.float32(rng.normal(0, 0.08, 4).round(4)),
        "score": np.float32(rng.choice([0.99, 0.9, 0.65, 0.2])),
    }
