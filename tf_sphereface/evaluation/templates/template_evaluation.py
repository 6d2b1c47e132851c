"""Verification and identification of templates, as IJB-B and IJB-C have them."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.identification.face_set import FaceSet
from tf_sphereface.evaluation.identification.identify import (
    evaluate_identification,
    far_notes,
)
from tf_sphereface.evaluation.rates.thresholds import FAR_TARGETS
from tf_sphereface.evaluation.rates.top_scores import rates_at_fars
from tf_sphereface.evaluation.templates.ijb_lists import TemplatePairs
from tf_sphereface.evaluation.templates.insightface_rule import (
    NOTE,
    RULE,
    rates_at_nearest_fars,
    rates_of_search,
    search_fars,
)
from tf_sphereface.evaluation.templates.pooling import Templates
from tf_sphereface.evaluation.templates.template_report import TemplateReport

IJB_FPIRS = (1e-1, 1e-2)
_BLOCK = 1 << 15  # pairs whose embeddings are gathered at once
Subjects = tuple[np.ndarray, np.ndarray]  # template numbers, their subjects


def evaluate_templates(
    templates: Templates,
    pairs: TemplatePairs | None = None,
    galleries: Sequence[Subjects] = (),
    probes: Subjects | None = None,
    fars: Sequence[float] = FAR_TARGETS,
    fpirs: Sequence[float] = IJB_FPIRS,
    rule: str | None = None,
) -> TemplateReport:
    """TAR at FAR of pairs of templates, and search of templates in galleries.

    IJB-B and IJB-C have two galleries of different subjects. Ranks are among both
    together (the closed set: everyone is in one of them), while each by itself makes an
    open set, in which the subjects of the other are unknown; the DIRs of the two are
    averaged.

    A template without any photo counts as wrong: not accepted or found if it should be,
    accepted if it should not.

    Args:
        templates: From `pool_templates`.
        pairs: For verification.
        galleries: As `read_subjects` gives them, a template for each subject.
        probes: As `read_subjects` gives them.
        fars: Targets in (0, 1].
        fpirs: Targets in (0, 1].
        rule: "insightface" for rates as that project's scripts take them: TAR at the
            nearest FAR, and the search in both galleries together.

    Raises: InputError if there is neither a pair list nor a gallery, or one of
        gallery and probes is missing, or the rule is unknown.
    Reference: C. Whitelam et al., "IARPA Janus Benchmark-B face dataset", CVPR
        Workshops 2017; B. Maze et al., "IARPA Janus Benchmark - C", ICB 2018.
    """
    check_rule(rule)
    if bool(galleries) != (probes is not None) or not (galleries or pairs):
        raise InputError(
            "there must be template pairs, or galleries with probes. "
            f"Received: pairs {'given' if pairs else 'missing'}, "
            f"{len(galleries)} galleries, "
            f"probes {'missing' if probes is None else 'given'}"
        )
    genuine, falling = (np.empty(0),) * 2
    if pairs is not None:
        genuine, falling = verify_templates(templates, pairs)
    closed, open_sets, searched = None, (), {}
    if galleries and rule == RULE:
        closed = _search_together(templates, galleries, probes, fpirs)
        searched = rates_of_search(closed, fpirs)
    elif galleries:
        closed, open_sets = _search(templates, galleries, probes, fpirs)
    empty = ~np.isfinite(templates.embeddings).all(axis=1)
    counts = {
        "templates": len(templates.ids),
        "templates_without_a_photo": int(empty.sum()),
        "genuine": len(genuine),
        "impostor": len(falling),
    }
    notes = [] if pairs is None else far_notes(len(falling), fars)
    if empty.any():
        notes.append(
            f"{int(empty.sum()):,} of {len(empty):,} templates have no photo: they "
            "count as wrong."
        )
    if rule == RULE:
        notes.append(NOTE)
    for number, part in enumerate(open_sets, start=1):
        notes += [f"Gallery {number}: {note}" for note in part.notes]
    rates = {}
    if pairs is not None and rule == RULE:
        rates = rates_at_nearest_fars(genuine, falling, fars)
    elif pairs is not None:
        rates = rates_at_fars(genuine, falling, len(falling), fars)
    return TemplateReport(
        tar_at_far=rates,
        closed=closed,
        open=open_sets,
        searched=searched,
        counts=counts,
        notes=tuple(notes),
        genuine=genuine,
        falling=falling,
    )


def verify_templates(
    templates: Templates, pairs: TemplatePairs
) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of pairs of templates.

    Returns: Float32 (genuine pairs,) in their order, -inf where a template has no
        photo; and float32 (impostor pairs,), falling, 1 where a template has none.
    """
    scores = np.empty(len(pairs.left), np.float32)
    for start in range(0, len(scores), _BLOCK):
        part = slice(start, start + _BLOCK)
        sides = (templates.take(side[part]) for side in (pairs.left, pairs.right))
        scores[part] = np.einsum("pd,pd->p", *sides)
    missing = np.isnan(scores)
    scores[missing] = np.where(pairs.same[missing], -np.inf, 1.0)
    return scores[pairs.same], np.sort(scores[~pairs.same])[::-1]


def check_rule(rule: str | None) -> None:
    """Raises: InputError if there is no such rule for templates."""
    if rule not in (None, RULE):
        raise InputError(f"`rule` must be {RULE}, or not be given. Received: {rule!r}")


def _search_together(templates, galleries, probes, fpirs=()):
    """Ranks in all galleries; with FPIRs, the scores that `rates_of_search` needs."""
    looked_for = _faces(templates, probes)
    together = tuple(np.concatenate(parts) for parts in zip(*galleries, strict=True))
    fars = search_fars(len(looked_for.names), len(set(together[1])), fpirs)
    closed = evaluate_identification(
        looked_for, _faces(templates, together), fars=fars, protocol="ijb"
    )
    return dataclasses.replace(closed, tar_at_far={})


def _search(templates, galleries, probes, fpirs):
    looked_for = _faces(templates, probes)
    closed = _search_together(templates, galleries, probes)
    # With one gallery that knows everyone there is no open set to speak of.
    open_sets = [
        evaluate_identification(
            looked_for,
            _faces(templates, gallery),
            fars=(),
            fpirs=fpirs,
            protocol="ijb",
        )
        for gallery in galleries
    ]
    open_sets = [part for part in open_sets if part.counts["unknown_probes"]]
    if len(open_sets) < len(galleries):
        open_sets = []
    return closed, tuple(open_sets)


def _faces(templates, subjects):
    numbers, people = subjects
    names = tuple(f"template {number}" for number in numbers)
    return FaceSet(templates.take(numbers), people, names)
