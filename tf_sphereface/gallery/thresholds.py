"""Thresholds of a search: the false accept rate of a comparison, times all of them."""

import dataclasses
import math
from fractions import Fraction

from tf_sphereface.bundle.calibration import Calibration
from tf_sphereface.bundle.records import Variant
from tf_sphereface.bundle.scores import measured_threshold
from tf_sphereface.errors import InputError


@dataclasses.dataclass(frozen=True)
class SearchThreshold:
    """The least score of a known face, and the rates that it stands for.

    Args:
        threshold: Cosine, -1..1; None if none was measured with the bundle.
        far: False accept rate of one comparison, at which it was measured.
        templates: Number of comparisons in a search.
        calibration: Of these scores; None if there is none.
    """

    threshold: float | None
    far: float | None
    templates: int
    calibration: Calibration | None

    @property
    def false_alarms(self) -> float | None:
        """Bound on the share of strangers' searches that find somebody.

        min(1, far x templates): the union bound. With independent comparisons the share
        is 1 - (1 - far) ** templates, which is less.
        """
        if self.threshold is None:
            return None
        return min(1.0, self.far * self.templates)


def parse_share(text: str) -> float:
    """The share "1/1000" or "0.001", in (0, 1).

    Raises: ValueError if it is none.
    """
    try:
        share = float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        share = 0.0
    if not 0 < share < 1:
        raise ValueError(f"a share must be between 0 and 1. Received: {text}")
    return share


def search_threshold(
    record: Variant,
    templates: int,
    far: float = 0.01,
    false_alarms: float | None = None,
    cross_variant: bool = False,
) -> SearchThreshold:
    """The threshold for a search of one face among all templates of a gallery.

    A stranger is taken for somebody if one comparison at least is a false acceptance,
    by any of the decision rules: a mean reaches the threshold only if a template does.
    With N templates that happens in at most N x FAR of the searches, so that the FAR of
    a comparison must be at most `false_alarms` / N. The largest FAR below that at which
    a threshold was measured decides; nothing is extrapolated.

    Args:
        record: The variant that embeds the probes.
        templates: Number of templates of the gallery, N.
        far: False accept rate of one comparison, if `false_alarms` is None.
        false_alarms: Share of searches for strangers that may find somebody.
        cross_variant: The gallery is of the float variant, the probes of this one.

    Raises: InputError if there is no threshold that keeps to the rate.
    """
    measured = record.cross_variant if cross_variant else record
    thresholds = measured.thresholds if measured else None
    calibration = None if cross_variant else record.calibration
    if false_alarms is not None:
        if thresholds is None:
            raise InputError(
                "no threshold was measured for this bundle, so that nothing keeps to "
                "--false-alarms; measure with: sphereface calibrate BUNDLE"
            )
        far = _largest_far(thresholds, calibration, templates, false_alarms)
    threshold = measured_threshold(thresholds, far)
    if threshold is None:
        return SearchThreshold(None, None, templates, None)
    return SearchThreshold(threshold, far, templates, calibration)


def _largest_far(thresholds, calibration, templates, false_alarms):
    wanted = false_alarms / max(1, templates)
    fars = [float(key[4:]) for key in thresholds if key.startswith("far_")]
    if calibration is not None:  # rarer ones than its pairs can show are no measurement
        fars = [far for far in fars if far * calibration.impostor >= 1 - 1e-9]
    kept = [far for far in fars if far <= wanted * (1 + 1e-9)]
    if not kept:
        least = f"{min(fars):g}" if fars else "none"
        raise InputError(
            f"a search of {templates:,} templates with {false_alarms:g} false alarms "
            f"needs a FAR of {wanted:.2g} per comparison; the least that was measured "
            f"is {least}. Calibrate with that --far (it needs "
            f"{math.ceil(1 / wanted):,} impostor pairs), or allow more false alarms"
        )
    return max(kept)
