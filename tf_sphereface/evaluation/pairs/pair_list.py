"""Lists of genuine and impostor pairs in folds, in the format of LFW's pairs.txt."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tf_sphereface.data.photos.kinds import PHOTO_SUFFIXES
from tf_sphereface.data.photos.names import lies_below
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.text_lists import is_number, numbered_lines


class Pair(NamedTuple):
    """Two photos to compare.

    Args:
        left: Path relative to the images folder, with "/". The suffix may be missing,
            as in LFW's naming: whatever photo has this stem is meant.
        right: As `left`.
        same: Whether both show one person (genuine) or two (impostor).
        fold: Counts from 0.
    """

    left: str
    right: str
    same: bool
    fold: int


@dataclasses.dataclass(frozen=True)
class PairList:
    """Pairs in `folds` folds, fold after fold.

    Args:
        pairs: The pairs.
        folds: Number of folds.
        people: Person of each photo; None: the photo's first folder is the person.

    Raises: ValueError if a pair's fold is not in [0, folds).
    """

    pairs: tuple[Pair, ...]
    folds: int
    people: Mapping[str, str] | None = None

    def __post_init__(self):
        for pair in self.pairs:
            if not 0 <= pair.fold < self.folds:
                raise ValueError(
                    f"`fold` must be in [0, {self.folds}). Received: fold={pair.fold}"
                )

    def photos(self) -> list[str]:
        """Each photo once, sorted."""
        return sorted({photo for pair in self.pairs for photo in pair[:2]})


def lfw_photo(name: str, number: int) -> str:
    """LFW's naming without the suffix: `NAME/NAME_0001`."""
    return f"{name}/{PurePosixPath(name).name}_{number:04d}"


def read_lfw_pairs(path: Path) -> PairList:
    """Reads a pair list in the format of LFW's pairs.txt, with any number of folds.

    The first line is `folds<TAB>n`. For each fold follow n genuine lines `NAME i j` and
    n impostor lines `NAME1 i NAME2 j`, separated by tabs. Where photos are not named as
    in LFW, a file name with its suffix stands in place of the number. Fields may be
    separated by spaces in lines without any tab, and one fold may leave out the
    `folds` (LFW's pairsDevTest.txt).

    Raises: InputError with the line number for any other content.
    """
    numbered = [(n, _fields_of(line)) for n, line in numbered_lines(path, "pairs")]
    if not numbered:
        raise InputError(f"{path}: a pair list must not be empty")
    folds, pairs_per_fold = _read_header(path, *numbered[0])
    expected = 1 + folds * 2 * pairs_per_fold
    if len(numbered) < expected:
        raise InputError(
            f"{path} line {numbered[-1][0]}: the file ends early; its first line "
            f"promises {expected - 1} pairs. Received: {len(numbered) - 1}"
        )
    if len(numbered) > expected:
        raise InputError(
            f"{path} line {numbered[expected][0]}: more pairs than the "
            f"{expected - 1} that the first line promises"
        )
    pairs = []
    for index, (number, fields) in enumerate(numbered[1:]):
        fold, position = divmod(index, 2 * pairs_per_fold)
        same = position < pairs_per_fold
        try:
            left, right = _read_genuine(fields) if same else _read_impostor(fields)
        except InputError as error:
            raise InputError(f"{path} line {number}: {error}") from error
        pairs.append(Pair(left, right, same, fold))
    return PairList(tuple(pairs), folds)


def write_lfw_pairs(pairs: PairList, path: Path) -> None:
    """Writes what `read_lfw_pairs` reads back as the same list.

    Raises: ValueError if the folds are not of one size with as many genuine as impostor
        pairs, or a path has a tab or a line break, or no folder.
    """
    per_fold = len(pairs.pairs) // (2 * pairs.folds) if pairs.folds else 0
    lines = [f"{pairs.folds}\t{per_fold}"]
    for fold in range(pairs.folds):
        for same in (True, False):
            chosen = [p for p in pairs.pairs if p.fold == fold and p.same is same]
            if len(chosen) != per_fold:
                raise ValueError(
                    f"`pairs` must have {per_fold} genuine and {per_fold} impostor "
                    f"pairs in each fold. Received: {len(chosen)} pairs with "
                    f"same={same} in fold {fold}"
                )
            lines.extend(_line(pair) for pair in chosen)
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _fields_of(line):
    fields = line.split("\t") if "\t" in line else line.split()
    return [field.strip() for field in fields]


def _read_header(path, number, fields):
    if len(fields) == 1:
        fields = ["1", *fields]
    if len(fields) != 2 or not all(_is_positive(field) for field in fields):
        raise InputError(
            f"{path} line {number}: the first line must be the number of folds, a tab "
            f"and the pairs of each kind in a fold. Received: {' '.join(fields)!r}"
        )
    return int(fields[0]), int(fields[1])


def _is_positive(field):
    return is_number(field) and int(field) > 0


def _read_genuine(fields):
    if len(fields) != 3:
        raise InputError(
            f"a genuine line must be `NAME<TAB>i<TAB>j`. Received: {fields}"
        )
    left, right = (_photo(fields[0], field) for field in fields[1:])
    if left == right:
        raise InputError(f"a genuine pair must be two photos. Received: {fields}")
    return left, right


def _read_impostor(fields):
    if len(fields) != 4:
        raise InputError(
            "an impostor line must be `NAME1<TAB>i<TAB>NAME2<TAB>j`. "
            f"Received: {fields}"
        )
    if fields[0] == fields[2]:
        raise InputError(f"an impostor pair must be two people. Received: {fields}")
    return _photo(fields[0], fields[1]), _photo(fields[2], fields[3])


def _photo(name, photo):
    if not lies_below(name):
        raise InputError(f"a name must be a folder of the images. Received: {name!r}")
    if _is_positive(photo):
        return lfw_photo(name, int(photo))
    if PurePosixPath(photo).suffix.lower() not in PHOTO_SUFFIXES or "/" in photo:
        raise InputError(
            "a photo must be its number, at least 1, or a file name with the suffix. "
            f"Received: {photo!r}"
        )
    return f"{name}/{photo}"


def _line(pair):
    (left_name, left), (right_name, right) = map(_fields, pair[:2])
    if pair.same and left_name == right_name:
        return "\t".join((left_name, left, right))
    return "\t".join((left_name, left, right_name, right))


def _fields(photo):
    """Splits a photo's path into the person's name and the number or file name."""
    name, _, file = photo.rpartition("/")
    if not name or any(character in photo for character in "\t\n\r"):
        raise ValueError(
            "a photo must be FOLDER/FILE, without tabs and line breaks. "
            f"Received: {photo!r}"
        )
    number = file.rpartition("_")[2]
    if _is_positive(number) and lfw_photo(name, int(number)) == photo:
        return name, str(int(number))
    return name, file
