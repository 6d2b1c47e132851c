"""Wrong labels: crops that look like someone else, mixed and repeated identities."""

import dataclasses
from statistics import NormalDist

import numpy as np

from tf_sphereface.evaluation.cleaning.findings import (
    MISLABELLED,
    MIXED,
    OUTLIER,
    SAME_PERSON,
    Finding,
)
from tf_sphereface.evaluation.cleaning.people import (
    People,
    blocks,
    group_by_person,
    joined,
    score_people,
    score_strangers,
    scores_within,
    trimmed_centre,
)
from tf_sphereface.similarity import unit_rows

_STRANGER_SHARE = 0.99  # of scores with strangers that `stranger` exceeds
_NEAREST_SHARE = 0.99  # of sound crops whose nearest stranger is below `other_person`
_HALVES_SHARE = 0.10  # of people whose two halves are less alike than `same_person`
_FALSE_PAIRS = 0.1  # pairs of people above `same_person` if the scores were normal
_SMALLEST_MIXED, _MIXED_SHARE = 2, 0.2  # crops of the second person


@dataclasses.dataclass(frozen=True)
class LabelThresholds:
    """Cosines that decide, all taken from the collection itself; NaN if unknown.

    Args:
        stranger: 1 in 100 scores of a crop with the centre of another person is
            higher. Below it, nothing speaks for the label.
        other_person: 1 in 100 sound crops has a stranger with a higher score. From it
            on, a crop looks like the other person.
        typical: A quarter of the crops score lower with their own person.
        outlier: Lower fence of the scores of crops with their own person: the first
            quartile minus 1.5 interquartile ranges.
        same_person: Centres of two identities at least so alike are of one person.
    """

    stranger: float
    other_person: float
    typical: float
    outlier: float
    same_person: float

    def tells_people_apart(self) -> bool:
        """False if many crops are no more like their own person than strangers are."""
        return self.stranger < self.typical


def find_label_noise(
    embeddings: np.ndarray, names: list[str]
) -> tuple[list[Finding], LabelThresholds]:
    """Finds crops and identities whose labels are doubtful.

    A crop's own score is its cosine with the centre of its identity, made without it
    from the half of the crops nearest the centre. Its other score is the highest cosine
    with the centre of another person. In this order:

    - same person: two identities whose centres score at least `same_person`. They are
      one person in what follows.
    - mislabelled: own score below `stranger`, other score at least `other_person`.
      These crops then count for no centre. The list proposes to leave them out if the
      other person has two crops or more and the scores tell people apart.
    - mixed identity: at least two crops, and a fifth of the identity's, that are below
      `stranger`, score halfway from there to `typical` with each other, and whose
      centre is below `stranger` with the identity's.
    - outlier: own score below both `stranger` and `outlier`, other score higher.

    Args:
        embeddings: Float (crops, dim), finite; scaled to length 1 here.
        names: "IDENTITY/FILE" of each crop.

    Returns: The findings in no order, and the thresholds.
    """
    rows, people = unit_rows(np.asarray(embeddings, np.float32)), group_by_person(names)
    centres, own = score_people(rows, people)
    apart = np.arange(len(people.members))
    strangers = score_strangers(rows, people.labels, centres, apart)
    pairs, same_person = _same_people(rows, people, centres)
    groups = joined(len(centres), pairs)
    strangers_apart = score_strangers(rows, people.labels, centres, groups, count=False)
    thresholds = _thresholds(own, strangers, strangers_apart, same_person)
    wrong = (own < thresholds.stranger) & (
        strangers_apart.scores >= thresholds.other_person
    )
    # With the wrong crops gone, the others of their identities are judged anew.
    centres, own_again = score_people(rows, people, left_out=wrong)
    others = score_strangers(rows, people.labels, centres, groups, count=False)
    mixed = _mixed(rows, people, own_again, centres, thresholds)
    far = (own_again < min(thresholds.stranger, thresholds.outlier)) & (
        others.scores > own_again
    )
    far[list(mixed)] = False
    return [
        *(
            _mislabelled(i, names, people, own, strangers_apart, thresholds)
            for i in _where(wrong)
        ),
        *(_mixed_finding(i, names, people, own_again, *mixed[i]) for i in mixed),
        *(_outlier(i, names, people, own_again, others) for i in _where(far)),
        *(_pair(people, *pair) for pair in pairs),
    ], thresholds


def _thresholds(own, strangers, strangers_apart, same_person):
    known = own[~np.isnan(own)]
    if not len(known):
        nan = float("nan")
        return LabelThresholds(strangers.quantile(_STRANGER_SHARE), nan, nan, nan, nan)
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    # Crops that fit their own person well are taken as rightly labelled.
    sound = strangers_apart.scores[own >= middle]
    sound = sound[~np.isnan(sound)]
    return LabelThresholds(
        stranger=strangers.quantile(_STRANGER_SHARE),
        other_person=float(np.quantile(sound, _NEAREST_SHARE))
        if len(sound)
        else float("nan"),
        typical=float(low),
        outlier=float(low - 1.5 * (high - low)),
        same_person=same_person,
    )


def _same_people(rows, people: People, centres):
    """Pairs of identities (first, second, score), and the threshold."""
    halves = [
        float(
            trimmed_centre(rows[members[::2]])[0]
            @ trimmed_centre(rows[members[1::2]])[0]
        )
        for members in people.members
        if len(members) > 1
    ]
    count = len(centres) * (len(centres) - 1) // 2
    if not halves or not count:
        return [], float("nan")
    apart = score_strangers(
        centres, np.arange(len(centres)), centres, np.arange(len(centres))
    )
    low, middle, high = (apart.quantile(share) for share in (0.25, 0.5, 0.75))
    # How far the highest of so many pairs would lie, by the spread of the middle half.
    normal = NormalDist()
    reach = normal.inv_cdf(1 - min(_FALSE_PAIRS / count, 0.5))
    fence = middle + reach * (high - low) / (2 * normal.inv_cdf(0.75))
    threshold = max(fence, float(np.quantile(halves, _HALVES_SHARE)))
    pairs = []
    for block in blocks(len(centres), len(centres)):
        scores = centres[block] @ centres.T
        for first, second in zip(*np.nonzero(scores >= threshold), strict=True):
            if block.start + first < second:
                score = float(scores[first, second])
                pairs.append((block.start + int(first), int(second), score))
    return pairs, threshold


def _mixed(rows, people: People, own, centres, thresholds):
    """Crops of a second person: number of that person's crops and of all, by crop."""
    found = {}
    for label, members in enumerate(people.members):
        far = members[own[members] < thresholds.stranger]
        least = max(_SMALLEST_MIXED, _MIXED_SHARE * len(members))
        if len(far) < least or len(members) - len(far) < _SMALLEST_MIXED:
            continue
        centre, alike = scores_within(rows[far])
        # Few crops make a rough centre, which scores lower than a typical one.
        second = far[alike >= (thresholds.stranger + thresholds.typical) / 2]
        # Hard photos of one person are unlike each on its own, not in the mean.
        apart = centre @ centres[label] < thresholds.stranger
        if len(second) >= least and apart:
            found |= {int(i): (len(second), len(members)) for i in second}
    return found


def _where(flags):
    return map(int, np.flatnonzero(flags))


def _mislabelled(index, names, people, own, strangers, thresholds):
    other = people.identities[strangers.nearest[index]]
    known = len(people.members[strangers.nearest[index]]) > 1
    return Finding(
        kind=MISLABELLED,
        crop=names[index],
        identity=people.identities[people.labels[index]],
        own_score=float(own[index]),
        other=other,
        other_score=float(strangers.scores[index]),
        suggestion=f"looks like {other}: leave it out, or move the photo there",
        # One crop, perhaps with the same hat, is no proof.
        drop=known and thresholds.tells_people_apart(),
    )


def _mixed_finding(index, names, people, own, second, total):
    return Finding(
        kind=MIXED,
        crop=names[index],
        identity=people.identities[people.labels[index]],
        own_score=float(own[index]),
        other="",
        other_score=float("nan"),
        suggestion=f"one of {second} of {total} crops that look like a second person: "
        "give that person a folder, or leave them out",
        drop=False,
    )


def _outlier(index, names, people, own, others):
    other = people.identities[others.nearest[index]]
    return Finding(
        kind=OUTLIER,
        crop=names[index],
        identity=people.identities[people.labels[index]],
        own_score=float(own[index]),
        other=other,
        other_score=float(others.scores[index]),
        suggestion=f"far from its identity and nearer to {other}: look at it",
        drop=False,
    )


def _pair(people, first, second, score):
    return Finding(
        kind=SAME_PERSON,
        crop="",
        identity=people.identities[first],
        own_score=float("nan"),
        other=people.identities[second],
        other_score=score,
        suggestion="perhaps one person under two names: merge the folders if so",
        drop=False,
    )
