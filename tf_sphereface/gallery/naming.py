"""The name of a face: the nearest person of a gallery, and how sure that is."""

import numpy as np

from tf_sphereface.bundle.calibration import decide
from tf_sphereface.gallery.search import Rule, Searchable
from tf_sphereface.gallery.thresholds import SearchThreshold

_VERDICTS = {"same": "known", "unknown": "not sure", "different": "unknown"}


def name_face(
    people: Searchable,
    feature: np.ndarray,
    wanted: SearchThreshold,
    rule: Rule = "best",
    k: int = 3,
) -> dict:
    """Names a face by the people of a gallery.

    Args:
        people: A gallery, or the matrix of its templates.
        feature: Of the face, float (dim,), finite and not zero.
        wanted: Threshold of the search, with the calibration of the scores.
        rule: Score of a person, as for `TemplateMatrix.scores`.
        k: Of "top-k".

    Returns: `name`, None unless known; `decision`, "known", "not sure", "unknown", or
        None without a threshold; `nearest`, the person of the highest score; `score`;
        and `margin` to the next person. All but the decision, "unknown", are None in a
        gallery without people.
    """
    nearest = people.nearest(feature, rule, k)
    if not nearest:
        empty = dict.fromkeys(("name", "decision", "nearest", "score", "margin"))
        return empty | {"decision": "unknown"}
    first, score = nearest[0].name, nearest[0].score
    verdict = decide(score, wanted.threshold, wanted.calibration)
    decision = _VERDICTS.get(verdict)
    return {
        "name": first if decision == "known" else None,
        "decision": decision,
        "nearest": first,
        "score": score,
        "margin": score - nearest[1].score if len(nearest) > 1 else None,
    }
