"""Pair lists of other benchmarks than LFW, in the formats of their publishers."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from tf_sphereface.data.photos.kinds import PHOTO_SUFFIXES
from tf_sphereface.data.photos.names import lies_below
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.pairs.folds import is_balanced, runs_of
from tf_sphereface.evaluation.pairs.pair_list import Pair, PairList, read_lfw_pairs
from tf_sphereface.evaluation.pairs.people import person_of
from tf_sphereface.text_lists import csv_lines, is_number, numbered_lines

_FOLDS = 10
_COLUMNS = ["left", "right", "same", "fold"]
_SAME = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def read_cfp_pairs(path: Path, split: str = "FP") -> PairList:
    """CFP's own lists: frontal against profile (FP), or frontal against frontal (FF).

    Pair_list_F.txt and Pair_list_P.txt hold `NUMBER PATH` lines, Split/FP/01 to 10 a
    same.txt and a diff.txt of `i,j` lines: frontal photo i, profile photo j. A path
    ends in PERSON/frontal/01.jpg or PERSON/profile/01.jpg; since aligned faces have one
    folder level, the photo is PERSON_frontal/01.jpg here.

    Args:
        path: The folder `Protocol` of the data set.
        split: "FP" or "FF".

    Raises: InputError with the file and the line for any other content.
    Reference: Sengupta et al., "Frontal to Profile Face Verification in the Wild",
        WACV 2016, http://www.cfpw.io.
    """
    path = Path(path)
    if not (path / "Split" / split).is_dir():
        raise InputError(
            f"--pairs must be CFP's folder `Protocol`, with Split/{split} in it. "
            f"Received: {path}"
        )
    photos = [_numbered_photos(path / "Pair_list_F.txt")]
    kind = "F" if split == "FF" else "P"
    photos.append(_numbered_photos(path / f"Pair_list_{kind}.txt"))
    folders = sorted(folder for folder in (path / "Split" / split).iterdir())
    folders = [folder for folder in folders if folder.is_dir()]
    pairs = []
    for fold, folder in enumerate(folders):
        for name, same in (("same.txt", True), ("diff.txt", False)):
            for place, fields in _lines(folder / name, ","):
                left, right = _two_photos(photos, fields, place)
                pairs.append(Pair(left, right, same, fold))
    names = {photo for pair in pairs for photo in pair[:2]}
    people = {photo: photo.split("/")[0].rpartition("_")[0] for photo in names}
    return PairList(tuple(pairs), len(folders), people)


def read_calfw_pairs(path: Path) -> PairList:
    """pairs_CALFW.txt or pairs_CPLFW.txt: two lines `PHOTO FLAG` for each pair.

    FLAG is 0 for an impostor pair. CALFW gives genuine pairs their fold, 1 to 10, as
    the flag and impostor pairs none; CPLFW has no folds. What has no fold is shared out
    to ten folds evenly, in the order of the list.

    Raises: InputError with the line number for any other content.
    Reference: http://whdeng.cn/CALFW, http://whdeng.cn/CPLFW.
    """
    lines = list(_lines(path))
    if not lines or len(lines) % 2:
        raise InputError(f"{path}: a pair must be two lines. Received: {len(lines)}")
    pairs, flags = [], []
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        for place, fields in (first, second):
            if len(fields) != 2 or fields[1] not in map(str, range(11)):
                raise InputError(
                    f"{place}: a line must be a photo and a number 0 to 10. "
                    f"Received: {fields}"
                )
        if first[1][1] != second[1][1]:
            raise InputError(f"{second[0]}: both lines of a pair must have one number")
        flags.append(int(first[1][1]))
        names = (_photo(fields[0], place) for place, fields in (first, second))
        pairs.append((*names, flags[-1] > 0))
    return _flat_list(pairs, flags if max(flags) > 1 else None)


def read_agedb_pairs(path: Path) -> PairList:
    """AgeDB-30 as text: `LEFT RIGHT FLAG` lines, 1 for genuine, a fold each tenth.

    Of "12_AnnLee_35_f.jpg", as AgeDB names photos, the person is "AnnLee".

    Raises: InputError with the line number for any other content.
    Reference: Moschoglou et al., "AgeDB: the first manually collected, in-the-wild age
        database", CVPRW 2017.
    """
    pairs = []
    for place, fields in _lines(path):
        if len(fields) != 3 or fields[2] not in ("0", "1"):
            raise InputError(
                f"{place}: a line must be two photos and 1 or 0. Received: {fields}"
            )
        left, right = (_photo(field, place) for field in fields[:2])
        pairs.append((left, right, fields[2] == "1"))
    if not pairs:
        raise InputError(f"{path}: a pair list must not be empty")
    return _flat_list(pairs)


def read_csv_pairs(path: Path) -> PairList:
    """Any pairs: a CSV with the columns left, right, same and, if known, fold.

    `same` is 1 or 0, true or false, yes or no; `fold` any word. Without folds the pairs
    are shared out to ten, or to as many as there are pairs of the rarer kind.

    Raises: InputError with the line number for any other content.
    """
    rows, header = [], None
    for place, fields in csv_lines(path, "pairs"):
        if header is None:
            header = [field.lower() for field in fields]
            if header not in (_COLUMNS, _COLUMNS[:3]):
                raise InputError(
                    f"{place}: the first line must be left,right,same or "
                    f"left,right,same,fold. Received: {','.join(fields)!r}"
                )
            continue
        if len(fields) != len(header) or fields[2].lower() not in _SAME:
            raise InputError(
                f"{place}: a line must be {','.join(header)} with 1 or 0 for same. "
                f"Received: {','.join(fields)!r}"
            )
        left, right = (_photo(field, place) for field in fields[:2])
        if left == right:
            raise InputError(f"{place}: a pair must be two photos. Received: {left!r}")
        rows.append((left, right, _SAME[fields[2].lower()], *fields[3:]))
    if not rows:
        raise InputError(f"{path}: a pair list must not be empty")
    if len(header) == 3:
        return _shared_out(rows)
    folds = {name: fold for fold, name in enumerate(dict.fromkeys(r[3] for r in rows))}
    pairs = [Pair(*row[:3], folds[row[3]]) for row in rows]
    return PairList(tuple(sorted(pairs, key=lambda pair: pair.fold)), len(folds))


READERS: dict[str, Callable[[Path], PairList]] = {
    "lfw": read_lfw_pairs,
    "cfp-fp": read_cfp_pairs,
    "agedb-30": read_agedb_pairs,
    "calfw": read_calfw_pairs,
    "cplfw": read_calfw_pairs,
    "pairs": read_csv_pairs,
}


def _lines(path, separator=None):
    """("FILE line N", fields) of each line; fields are words if nothing separates."""
    for number, line in numbered_lines(path, "pairs"):
        fields = [field.strip() for field in line.split(separator)]
        yield f"{path} line {number}", fields


def _numbered_photos(path):
    photos = {}
    for place, fields in _lines(path):
        if len(fields) != 2 or not is_number(fields[0]):
            raise InputError(f"{place}: must be `NUMBER PATH`. Received: {fields}")
        parts = PurePosixPath(fields[1]).parts[-3:]
        if len(parts) != 3 or not lies_below("/".join(parts)):
            raise InputError(
                f"{place}: a path must end in PERSON/POSE/PHOTO. "
                f"Received: {fields[1]!r}"
            )
        photos[int(fields[0])] = _photo(f"{parts[0]}_{parts[1]}/{parts[2]}", place)
    return photos


def _two_photos(photos, fields, place):
    numbers = [int(field) if is_number(field) else None for field in fields]
    if len(numbers) != 2 or any(
        number not in known for number, known in zip(numbers, photos, strict=True)
    ):
        raise InputError(
            f"{place}: must be two numbers of the lists of photos, `i,j`. "
            f"Received: {fields}"
        )
    return tuple(known[number] for number, known in zip(numbers, photos, strict=True))


def _photo(name, place):
    path = PurePosixPath(name)
    if not lies_below(name) or not path.name:
        raise InputError(f"{place}: a photo must be a path below. Received: {name!r}")
    if path.suffix.lower() not in PHOTO_SUFFIXES and path.suffix:
        # A dot in a name without a suffix is possible, but likelier an error.
        raise InputError(f"{place}: {name!r} has no suffix of a photo")
    return str(path)


def _flat_list(pairs, flags: Sequence[int] | None = None):
    """Pairs whose photos lie in one folder, so that the name says who it is."""
    listed = _shared_out(pairs, flags)
    people = {photo: _person_of_file(photo) for photo in listed.photos()}
    return PairList(listed.pairs, listed.folds, people)


def _person_of_file(photo):
    name = PurePosixPath(photo).name
    parts = PurePosixPath(name).stem.split("_")
    if len(parts) == 4 and parts[0].isdigit() and parts[3] in ("f", "m"):
        return parts[1]
    return person_of(name)


def _shared_out(pairs, flags=None):
    """Folds by flags 1 .. 10; else in ten runs, if balanced; else each kind evenly."""
    if flags is None and len(pairs) % _FOLDS == 0:
        runs = runs_of(pairs, _FOLDS)
        if is_balanced(runs):
            listed = [Pair(*p, fold) for fold, run in enumerate(runs) for p in run]
            return PairList(tuple(listed), _FOLDS)
    kinds = {
        same: [i for i, p in enumerate(pairs) if p[2] is same] for same in (True, False)
    }
    if not all(kinds.values()):
        kind = "genuine" if kinds[True] else "impostor"
        raise InputError(
            "a pair list must have genuine and impostor pairs. Received: only "
            f"{kind} pairs, {len(pairs):,}"
        )
    folds = min(_FOLDS, *map(len, kinds.values())) if flags is None else _FOLDS
    fold_of = {}
    for same, members in kinds.items():
        for position, index in enumerate(members):
            given = flags is not None and same
            shared = position * folds // len(members)
            fold_of[index] = flags[index] - 1 if given else shared
    listed = [Pair(*pair, fold_of[index]) for index, pair in enumerate(pairs)]
    listed.sort(key=lambda pair: pair.fold)
    return PairList(tuple(listed), folds)
