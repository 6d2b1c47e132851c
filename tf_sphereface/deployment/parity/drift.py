"""Drift of a written file's embeddings from those of the Keras model."""

import numpy as np

from tf_sphereface.bundle.records import Drift, RankAgreement
from tf_sphereface.errors import ResultError
from tf_sphereface.similarity import unit_rows

# An export that ignores its input keeps a high cosine on an untrained network, whose
# embeddings all point one way. About the mean face nothing is left of it.
_LEAST_CENTRED_COSINE = 0.5
# What rounding may cost a file that computes in float.
LEAST_EXACT_COSINE = 0.9999


class DriftError(ResultError):
    """An export ran, and its embeddings are not those of the Keras model."""


def measure_drift(reference: np.ndarray, exported: np.ndarray) -> Drift:
    """Cosines between embeddings of the same crops; 0 where one is zero or not finite.

    Args:
        reference: Float (crops, embedding_dim), of the Keras model.
        exported: Float (crops, embedding_dim), of the file under test.

    Raises: ValueError if there is no crop or the shapes differ.
    """
    cosines = _cosines(reference, exported)
    return Drift(
        mean_cosine=float(cosines.mean()),
        p01_cosine=float(np.percentile(cosines, 1)),
        min_cosine=float(cosines.min()),
        crops=len(cosines),
    )


def wiring_failures(reference: np.ndarray, exported: np.ndarray) -> tuple[str, ...]:
    """Signs that the embeddings are not of the same network; empty if they may be.

    Args: as `measure_drift`.
    """
    usable = np.isfinite(exported).all(axis=1) & np.any(exported, axis=1)
    if not usable.all():
        return (
            f"{np.sum(~usable)} of {len(usable)} embeddings are zero or not finite",
        )
    centred = _centred_cosine(reference, exported)
    if centred >= _LEAST_CENTRED_COSINE:
        return ()
    return (
        "it does not tell faces apart as the Keras model does: cosine about the mean "
        f"face {centred:.3f}, the bound is {_LEAST_CENTRED_COSINE}",
    )


def check_least_cosine(least: float) -> None:
    """Raises ValueError unless `least` is -1..1, as a cosine is."""
    if not -1 <= least <= 1:
        raise ValueError(f"`min_cosine` must be -1..1. Received: min_cosine={least!r}")


def check_exact(
    what: str,
    reference: np.ndarray,
    exported: np.ndarray,
    least: float = LEAST_EXACT_COSINE,
) -> Drift:
    """Measures the drift of a file that must agree up to rounding.

    Args:
        what: To be named in the error.
        reference: As `measure_drift`.
        exported: As `measure_drift`.
        least: Cosine that every crop must have.

    Raises: DriftError if it does not.
    """
    drift = measure_drift(reference, exported)
    if not drift.min_cosine >= least:
        raise DriftError(
            f"the exported {what} model drifts: its least cosine is "
            f"{drift.min_cosine:.6f} on {drift.crops} crops, the bound is "
            f"{least:g}"
        )
    for failure in wiring_failures(reference, exported):
        raise DriftError(
            f"the exported {what} model is not the same network: {failure}"
        )
    return drift


def rank_agreement(
    reference: np.ndarray, exported: np.ndarray, people: np.ndarray
) -> RankAgreement | None:
    """Share of probes with the same nearest gallery face as by the Keras model.

    The first crop of each person is the gallery, the others are probes.

    Args:
        reference: Float (crops, embedding_dim), of the Keras model.
        exported: Float (crops, embedding_dim), of the file under test.
        people: Integer (crops,), the person of each crop.

    Returns: None if there is no second person, or no person with two crops.
    """
    _, first = np.unique(people, return_index=True)
    probes = np.setdiff1d(np.arange(len(people)), first)
    if len(first) < 2 or not len(probes):
        return None
    reference, exported = _directions(reference), _directions(exported)
    expected = np.argmax(reference[probes] @ reference[first].T, axis=1)
    same = np.argmax(exported[probes] @ exported[first].T, axis=1)
    cross = np.argmax(exported[probes] @ reference[first].T, axis=1)
    return RankAgreement(
        same_gallery=float(np.mean(same == expected)),
        float_gallery=float(np.mean(cross == expected)),
        probes=len(probes),
        gallery=len(first),
    )


def _directions(embeddings):
    """Unit vectors, float64; zero for a row that is zero or not finite."""
    usable = np.isfinite(embeddings).all(axis=1, keepdims=True)
    return unit_rows(np.where(usable, embeddings, 0).astype(np.float64))


def _cosines(reference, exported):
    reference = np.asarray(reference, np.float64)
    exported = np.asarray(exported, np.float64)
    if reference.shape != exported.shape or reference.ndim != 2 or not len(reference):
        raise ValueError(
            "`reference` and `exported` must both be (crops, embedding_dim), with a "
            f"crop. Received: {reference.shape}, {exported.shape}"
        )
    cosines = (_directions(reference) * _directions(exported)).sum(axis=1)
    return np.clip(cosines, -1, 1)


def _centred_cosine(reference, exported):
    """Mean cosine about the reference's mean; 1 if the reference does not vary."""
    reference = np.asarray(reference, np.float64)
    mean = reference.mean(axis=0)
    spread = np.abs(reference - mean).max(initial=0)
    if spread <= 1e-6 * np.abs(reference).max(initial=0):
        return 1.0
    return float(_cosines(reference - mean, exported - mean).mean())
