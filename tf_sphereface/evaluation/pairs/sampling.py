"""Draws pair lists with people-disjoint folds from any folder-per-identity tree."""

from pathlib import Path

import numpy as np

from tf_sphereface.data.photos.folders import list_photos
from tf_sphereface.data.photos.names import split_name
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.pairs.pair_list import Pair, PairList, lfw_photo

# Impostor pairs of one fold come from at most this many people, or else the table of
# pairs of people would not fit the memory with the largest data sets.
_MOST_PEOPLE = 2000


def make_pairs(
    aligned_dir: Path, folds: int = 10, pairs_per_fold: int = 300, seed: int = 0
) -> PairList:
    """Draws pairs for the LFW protocol; no person is in two folds.

    Within a fold all pairs differ and are spread as evenly as possible: over the people
    (genuine) and over the pairs of people (impostor). The same folder and seed give the
    same list on every machine.

    Args:
        aligned_dir: Folder with one folder of photos for each person.
        folds: At least 2.
        pairs_per_fold: Genuine pairs in a fold, and impostor pairs as well; at least 1.
        seed: Any integer >= 0.

    Raises: InputError if a number is out of range, or the photos do not suffice.
    """
    if folds < 2 or pairs_per_fold < 1 or seed < 0:
        raise InputError(
            "`folds` must be at least 2, `pairs_per_fold` at least 1, `seed` at least "
            f"0. Received: folds={folds}, pairs_per_fold={pairs_per_fold}, seed={seed}"
        )
    people = _photos_of_people(Path(aligned_dir))
    if len(people) < 2 * folds:
        raise InputError(
            f"{len(people)} people in {folds} folds: each fold needs at least 2 "
            "people; use fewer folds, or more people"
        )
    rng = np.random.default_rng(seed)
    names = [sorted(people)[index] for index in rng.permutation(len(people))]
    # Dealt out by the number of photos, so that each fold gets its share of the people
    # with few and with many.
    names.sort(key=lambda name: -len(people[name]))
    pairs = []
    for fold in range(folds):
        photos = [people[name] for name in names[fold::folds]]
        for same, draw in ((True, _draw_genuine), (False, _draw_impostor)):
            for left, right in draw(photos, pairs_per_fold, rng):
                pairs.append(Pair(left, right, same, fold))
    return PairList(tuple(pairs), folds)


def _photos_of_people(aligned_dir):
    if not aligned_dir.is_dir():
        raise InputError(f"no such folder of people: {aligned_dir}")
    files = {}
    for photo in list_photos(aligned_dir).photos:
        name, file = split_name(photo)
        files.setdefault(name, []).append(file)
    return {name: _relative_paths(name, files[name]) for name in files}


def _relative_paths(name, files):
    """LFW's naming where it fits one file only, else the file name with its suffix."""
    stems = [Path(file).stem for file in files]
    paths = []
    for file, stem in zip(files, stems, strict=True):
        number = stem.rpartition("_")[2]
        named_as_lfw = (
            number.isascii()
            and number.isdigit()
            and int(number) > 0
            and stems.count(stem) == 1
            and lfw_photo(name, int(number)) == f"{name}/{stem}"
        )
        paths.append(f"{name}/{stem if named_as_lfw else file}")
    return paths


def _draw_genuine(people, wanted, rng):
    counts = np.array([len(photos) for photos in people], np.int64)
    capacities = counts * (counts - 1) // 2
    quotas = _spread(capacities, wanted, rng)
    if quotas is None:
        raise InputError(
            f"too few photos: a fold of {len(people)} people has {capacities.sum()} "
            f"genuine pairs, wanted {wanted}. Use fewer folds or pairs, or more photos "
            "of each person"
        )
    for person in np.flatnonzero(quotas):
        first, second = np.triu_indices(len(people[person]), k=1)
        for index in rng.choice(capacities[person], quotas[person], replace=False):
            yield people[person][first[index]], people[person][second[index]]


def _draw_impostor(people, wanted, rng):
    if len(people) > _MOST_PEOPLE:
        chosen = rng.choice(len(people), _MOST_PEOPLE, replace=False)
        people = [people[index] for index in chosen]
    counts = np.array([len(photos) for photos in people], np.int64)
    first, second = np.triu_indices(len(people), k=1)
    capacities = counts[first] * counts[second]
    quotas = _spread(capacities, wanted, rng)
    if quotas is None:
        raise InputError(
            f"too few people: a fold of {len(people)} people has {capacities.sum()} "
            f"impostor pairs, wanted {wanted}. Use fewer folds or pairs, or more people"
        )
    for group in np.flatnonzero(quotas):
        left, right = people[first[group]], people[second[group]]
        for index in rng.choice(capacities[group], quotas[group], replace=False):
            row, column = divmod(int(index), len(right))
            yield left[row], right[column]


def _spread(capacities, wanted, rng):
    """Numbers to draw of each group: equal shares, no group above its capacity.

    Returns: Integer (groups,) with the sum `wanted`; None if the groups hold fewer.
    """
    if capacities.sum() < wanted:
        return None
    quotas = np.zeros_like(capacities)
    while wanted:
        open_groups = np.flatnonzero(quotas < capacities)
        if len(open_groups) > wanted:
            open_groups = rng.choice(open_groups, wanted, replace=False)
        share = max(1, wanted // len(open_groups))
        room = np.minimum(capacities[open_groups] - quotas[open_groups], share)
        quotas[open_groups] += room
        wanted -= int(room.sum())
    return quotas
