"""The gate of every export: the written file must embed faces as the Keras model."""

import dataclasses

import numpy as np

from tf_sphereface.deployment.contract import Drift

_LEAST_NORM = 1e-12
# An export that ignores its input keeps a high cosine on an untrained network, whose
# embeddings all point one way. About the mean face nothing is left of it.
_LEAST_CENTRED_COSINE = 0.5


class DriftError(RuntimeError):
    """An export ran, and its embeddings are too far from those of the Keras model."""


@dataclasses.dataclass(frozen=True)
class DriftBound:
    """Least value of one statistic of `Drift`."""

    statistic: str
    least: float


DRIFT_BOUNDS = {
    "none": DriftBound("min_cosine", 0.9999),
    "fp16": DriftBound("min_cosine", 0.9999),
    "dynamic": DriftBound("mean_cosine", 0.998),
    "int8": DriftBound("mean_cosine", 0.995),
    "saved_model": DriftBound("min_cosine", 0.9999),
    "onnx": DriftBound("min_cosine", 0.9999),
}


def check_maximum_drift(maximum_drift: float | None) -> None:
    """Raises ValueError unless `maximum_drift` is None or 0..2, as 1 - cosine is."""
    if maximum_drift is not None and not 0 <= maximum_drift <= 2:
        raise ValueError(
            f"`maximum_drift` must be 0..2. Received: maximum_drift={maximum_drift!r}"
        )


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


def check_drift(
    variant: str,
    reference: np.ndarray,
    exported: np.ndarray,
    maximum_drift: float | None = None,
) -> Drift:
    """Measures the drift of a variant and holds it against the variant's bound.

    Args:
        variant: Key of `DRIFT_BOUNDS`.
        reference: As `measure_drift`.
        exported: As `measure_drift`.
        maximum_drift: In place of the variant's own bound: the statistic must be at
            least 1 - maximum_drift.

    Raises: DriftError if the bound is not met, or if the exported embeddings do not
        vary with the face as the reference does, whatever `maximum_drift` is.
    """
    bound = DRIFT_BOUNDS[variant]
    least = bound.least if maximum_drift is None else 1 - maximum_drift
    drift = measure_drift(reference, exported)
    value = getattr(drift, bound.statistic)
    if not value >= least:
        raise DriftError(
            f"the exported {variant} model drifts: {bound.statistic} is {value:.6f} on "
            f"{drift.crops} crops, the bound is {least:g}"
        )
    centred = _centred_cosine(reference, exported)
    if not centred >= _LEAST_CENTRED_COSINE:
        raise DriftError(
            f"the exported {variant} model does not tell faces apart as the Keras "
            f"model does: cosine about the mean face {centred:.3f}, the bound is "
            f"{_LEAST_CENTRED_COSINE}"
        )
    return drift


def _cosines(reference, exported):
    reference = np.asarray(reference, np.float64)
    exported = np.asarray(exported, np.float64)
    if reference.shape != exported.shape or reference.ndim != 2 or not len(reference):
        raise ValueError(
            "`reference` and `exported` must both be (crops, embedding_dim), with a "
            f"crop. Received: {reference.shape}, {exported.shape}"
        )
    usable = np.isfinite(reference).all(axis=1) & np.isfinite(exported).all(axis=1)
    first = np.where(usable[:, None], reference, 0)
    second = np.where(usable[:, None], exported, 0)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    dots = (first * second).sum(axis=1)
    cosines = np.where(norms > _LEAST_NORM, dots / np.maximum(norms, _LEAST_NORM), 0)
    return np.clip(cosines, -1, 1)


def _centred_cosine(reference, exported):
    """Mean cosine about the reference's mean; 1 if the reference does not vary."""
    reference = np.asarray(reference, np.float64)
    mean = reference.mean(axis=0)
    spread = np.abs(reference - mean).max(initial=0)
    if spread <= 1e-6 * np.abs(reference).max(initial=0):
        return 1.0
    return float(_cosines(reference - mean, exported - mean).mean())
