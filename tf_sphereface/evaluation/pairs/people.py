"""People on the photos of pairs, and notes on odd lists of pairs."""

import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.pairs.pair_list import PairList


@dataclasses.dataclass(frozen=True, eq=False)
class PairPeople:
    """The people of pairs by number, 0 .. count - 1, and by name.

    Args:
        left: Integer (pairs,), the person of the left photo.
        right: Integer (pairs,).
        left_names: Strings (pairs,).
        right_names: Strings (pairs,).
    """

    left: np.ndarray
    right: np.ndarray
    left_names: np.ndarray
    right_names: np.ndarray

    @property
    def count(self) -> int:
        """Number of people."""
        return len(np.unique(np.concatenate([self.left, self.right])))

    def of_pairs(self, kept: np.ndarray) -> "PairPeople":
        """The people of some pairs only; they keep their numbers."""
        return PairPeople(
            self.left[kept],
            self.right[kept],
            self.left_names[kept],
            self.right_names[kept],
        )


def people_of_pairs(
    pairs: PairList, identities: Mapping[str, str] | None = None
) -> PairPeople:
    """Finds the people: by name, and two names of a genuine pair are one person.

    Args:
        pairs: The list.
        identities: Person of each photo, from where the embeddings come from; it goes
            before what the list says.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    known = {**(pairs.people or {}), **(identities or {})}
    sides = [
        np.array(
            [known.get(pair[side]) or person_of(pair[side]) for pair in pairs.pairs]
        )
        for side in (0, 1)
    ]
    names, numbers = np.unique(np.concatenate(sides), return_inverse=True)
    left, right = numbers.reshape(2, -1)
    same = np.array([pair.same for pair in pairs.pairs], bool)
    links = (np.ones(same.sum(), bool), (left[same], right[same]))
    graph = coo_array(links, shape=(len(names), len(names)))
    person = connected_components(graph, directed=False)[1]
    return PairPeople(person[left], person[right], *sides)


def person_of(photo: str) -> str:
    """The first folder of a photo's path; without a folder its name without a suffix.

    Of "Ann_Lee_0001.jpg", as CALFW names photos, that is "Ann_Lee".
    """
    folder, slash, _ = photo.partition("/")
    if slash:
        return folder
    stem = PurePosixPath(photo).stem
    name, _, number = stem.rpartition("_")
    return name if name and number.isdigit() else stem


def note_on_training(people: PairPeople, trained: Collection[str]) -> tuple[str, ...]:
    """A sentence if a model was trained on people of the pairs: its figures flatter.

    Args:
        people: Of the pairs.
        trained: Names of the people whom the model was trained on.
    """
    names = {*people.left_names.tolist(), *people.right_names.tolist()}
    known = len(names.intersection(trained))
    if not known:
        return ()
    return (
        f"{known:,} of the {len(names):,} people of the pairs have the names of people "
        "whom the model was trained on: if they are the same, the figures are too "
        "good. Verify on others, such as those of `records --holdout-identities`.",
    )


def check_folds(same: np.ndarray, fold: np.ndarray) -> None:
    """Refuses folds that a protocol cannot judge.

    Raises: InputError if there are fewer than two folds, or one has no genuine or no
        impostor pair.
    """
    same, numbers = np.asarray(same, bool), np.unique(fold)
    if len(numbers) < 2:
        raise InputError(
            "the protocol must have at least 2 folds: the mean and the threshold of a "
            f"fold come from the others. Received: folds={len(numbers)}"
        )
    for number in numbers:
        flags = same[fold == number]
        if flags.all() or not flags.any():
            kind = "genuine" if flags.all() else "impostor"
            raise InputError(
                "each fold must have genuine and impostor pairs. Received: only "
                f"{kind} pairs in the fold numbered {number}"
            )


def notes_on_list(pairs: PairList, people: PairPeople) -> tuple[str, ...]:
    """Sentences on what makes a list's figures doubtful.

    Raises: InputError if two photos are both a genuine and an impostor pair.
    """
    notes = []
    flags = {}
    for pair in pairs.pairs:
        flags.setdefault(frozenset(pair[:2]), []).append(pair.same)
    for photos, seen in flags.items():
        if len(set(seen)) > 1:
            raise InputError(
                "two photos must be a genuine or an impostor pair. Received both: "
                f"{' and '.join(sorted(photos))}"
            )
    repeated = sum(len(seen) - 1 for seen in flags.values())
    if repeated:
        notes.append(
            f"{repeated:,} of {len(pairs.pairs):,} pairs repeat an earlier one: they "
            "count as often as they are listed."
        )
    same = np.array([pair.same for pair in pairs.pairs], bool)
    one_person = np.count_nonzero(~same & (people.left == people.right))
    if one_person:
        notes.append(
            f"{one_person:,} impostor pairs are of one person, by the names or by the "
            "genuine pairs of the list."
        )
    return (*notes, *_notes_on_folds(pairs, people))


def _notes_on_folds(pairs, people):
    fold = np.array([pair.fold for pair in pairs.pairs])
    seen = set(zip(people.left, fold, strict=True))
    seen |= set(zip(people.right, fold, strict=True))
    folds_of = Counter(person for person, _ in seen)
    shared = sum(count > 1 for count in folds_of.values())
    if shared:
        yield (
            f"{shared:,} of {len(folds_of):,} people are in more than one fold: the "
            "threshold of a fold was chosen with people that it judges."
        )
