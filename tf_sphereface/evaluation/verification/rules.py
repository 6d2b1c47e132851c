"""The two rules by which folds of pairs are judged: SphereFace's and InsightFace's."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.rates.thresholds import best_threshold
from tf_sphereface.similarity import unit_rows

_BLOCK = 4096  # pairs gathered at a time: two such blocks of features are in memory
_DISTANCES = np.arange(0, 4, 0.01)  # squared, of points on the unit sphere
_ROUNDING = 1e-13


class JudgedFolds(NamedTuple):
    """Result of a rule; a pair with a missing photo is judged wrongly.

    Args:
        scores: Float (pairs,), -1..1; with a missing photo -1 if genuine, 1 if
            impostor.
        right_calls: Bool (pairs,), judged rightly.
        accuracies: Of each fold.
        thresholds: Of each fold, for `scores`.
    """

    scores: np.ndarray
    right_calls: np.ndarray
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]


def sphereface_folds(features, left, right, same, fold, missing) -> JudgedFolds:
    """Cosines with the mean of the other folds' features subtracted.

    The threshold of a fold is the best of the other folds on a grid of 1e-4, the mean
    of all best ones; a score at the threshold is accepted.

    Args:
        features: Float64 (photos, dim), finite.
        left: Integer (pairs,), rows of `features`.
        right: Integer (pairs,), rows of `features`.
        same: Bool (pairs,), genuine or impostor.
        fold: Integer (pairs,).
        missing: Bool (pairs,), a photo is missing: its features are not used.

    Raises: InputError if the other folds of one lack a kind of pairs.
    Reference: https://github.com/wy1iu/sphereface, test/code/evaluation.m, which judges
        scores at the threshold as wrong.
    """
    cosines = _CenteredCosines(features, left, right, ~missing)
    penalty = np.where(same, -1.0, 1.0)
    scores, right_calls = penalty.copy(), np.zeros(len(same), bool)
    accuracies, thresholds = [], []
    for test, train in _held_out(same, fold, missing):
        fold_scores = np.where(missing, penalty, cosines.without_mean_of(train))
        threshold = best_threshold(fold_scores[train], same[train])
        scores[test] = fold_scores[test]
        right_calls[test] = (fold_scores[test] >= threshold) == same[test]
        accuracies.append(float(right_calls[test].mean()))
        thresholds.append(threshold)
    return JudgedFolds(scores, right_calls, tuple(accuracies), tuple(thresholds))


def insightface_folds(features, left, right, same, fold, missing) -> JudgedFolds:
    """Squared distances of L2-normalised features, thresholds 0, 0.01 .. 3.99.

    The threshold of a fold is the best of the other folds, the least of the best ones;
    a pair is accepted if its distance is below. No mean is subtracted. `scores` and
    `thresholds` are cosines: 1 - distance / 2.

    Args: As `sphereface_folds`; `features` are sums with the mirror image's.
    Raises: InputError as `sphereface_folds`.
    Reference: https://github.com/deepinsight/insightface,
        recognition/arcface_torch/eval/verification.py, without its PCA.
    """
    distances = squared_distances(features, left, right)
    right_calls = np.zeros(len(same), bool)
    accuracies, thresholds = [], []
    for test, train in _held_out(same, fold, missing):
        threshold = _best_distance(distances[train], same[train])
        calls = (distances[test] < threshold) == same[test]
        right_calls[test] = calls & ~missing[test]
        accuracies.append(float(right_calls[test].mean()))
        thresholds.append(1 - threshold / 2)
    scores = np.where(missing, np.where(same, -1.0, 1.0), 1 - distances / 2)
    return JudgedFolds(scores, right_calls, tuple(accuracies), tuple(thresholds))


RULES: dict[str, Callable[..., JudgedFolds]] = {
    "sphereface": sphereface_folds,
    "insightface": insightface_folds,
}


def compared_features(features: np.ndarray, rule: str, mirrored: bool) -> np.ndarray:
    """Features that a rule compares; InsightFace adds the halves of concatenated ones.

    Args:
        features: Float (photos, dim).
        rule: A key of `RULES`.
        mirrored: Whether a row is an embedding followed by the mirror image's.
    """
    if rule == "insightface" and mirrored:
        half = features.shape[1] // 2
        return features[:, :half] + features[:, half:]
    return features


def cosines(features: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Cosine (pairs,) of rows of float64 features (photos, dim); 0 for a zero row."""
    unit = unit_rows(features)
    return np.clip(_products(unit, left, right), -1.0, 1.0)


def squared_distances(features, left, right) -> np.ndarray:
    """||a - b||^2 (pairs,), 0..4, of L2-normalised rows of float64 features."""
    unit, distances = unit_rows(features), np.empty(len(left))
    for rows in _blocks(len(left)):
        difference = unit[left[rows]] - unit[right[rows]]
        distances[rows] = np.einsum("pd,pd->p", difference, difference)
    return distances


class _CenteredCosines:
    """Cosines of pairs with one mean after another subtracted from the features.

    (a - m)(b - m) = ab - am - bm + mm, and likewise the norms: the products of all
    pairs are taken once, and a fold costs one product of the features with its mean.
    The mean of all is subtracted first, so that the terms are small and little is lost.
    """

    def __init__(self, features, left, right, known):
        self._left, self._right = left, right
        self._features = features - self._mean(features, known)
        self._squares = np.einsum("nd,nd->n", self._features, self._features)
        self._products = _products(self._features, left, right)

    def without_mean_of(self, train):
        mean = self._mean(self._features, train)
        along, square = self._features @ mean, mean @ mean
        squares = self._squares - 2 * along + square
        # A face at the mean has no direction; what is left of it is rounding.
        squares[squares <= _ROUNDING * (self._squares + square)] = 0.0
        left, right = self._left, self._right
        dots = self._products - along[left] - along[right] + square
        norms = np.sqrt(squares[left] * squares[right])
        found = np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)
        return np.clip(found, -1.0, 1.0)

    def _mean(self, features, pairs):
        """Over both sides of the pairs: a photo counts as often as it is used."""
        used = np.concatenate([self._left[pairs], self._right[pairs]])
        uses = np.bincount(used, minlength=len(features))
        return uses @ features / max(uses.sum(), 1)


def _held_out(same, fold, missing) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for number in np.unique(fold):
        test, train = fold == number, (fold != number) & ~missing
        if same[train].all() or not same[train].any():
            raise InputError(
                "the other folds of each fold must have genuine and impostor pairs "
                f"with both photos. Received: none for the fold numbered {number}"
            )
        yield test, train


def _best_distance(distances, same):
    genuine, impostor = np.sort(distances[same]), np.sort(distances[~same])
    accepted = np.searchsorted(genuine, _DISTANCES, side="left")
    rejected = len(impostor) - np.searchsorted(impostor, _DISTANCES, side="left")
    return float(_DISTANCES[np.argmax(accepted + rejected)])


def _products(features, left, right):
    products = np.empty(len(left))
    for rows in _blocks(len(left)):
        products[rows] = np.einsum(
            "pd,pd->p", features[left[rows]], features[right[rows]]
        )
    return products


def _blocks(count):
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))
