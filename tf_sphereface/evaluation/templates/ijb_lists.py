"""Lists of IJB-B and IJB-C as InsightFace and the benchmark give them."""

import dataclasses
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.text_lists import is_number, numbered_lines


class PhotoList(NamedTuple):
    """Templates and media of photos.

    Args:
        names: File names, in the order of the list.
        template: Int (photos,).
        media: Int (photos,).
    """

    names: tuple[str, ...]
    template: np.ndarray
    media: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class TemplatePairs:
    """Pairs of templates to compare.

    Args:
        left: Int (pairs,), template numbers.
        right: Int (pairs,), template numbers.
        same: Bool (pairs,), genuine or impostor.
    """

    left: np.ndarray
    right: np.ndarray
    same: np.ndarray


def read_photo_list(path: Path) -> PhotoList:
    """Reads `ijbc_face_tid_mid.txt`: `NAME TEMPLATE MEDIA` a line, e.g. `1.jpg 1 69`.

    Raises: InputError with the line number for any other content.
    """
    rows = []
    for number, line in _lines(path, "photos"):
        fields = line.split()
        if len(fields) != 3 or not all(map(is_number, fields[1:])):
            raise InputError(
                f"{path} line {number}: a line must be NAME TEMPLATE MEDIA, the last "
                f"two numbers. Received: {line!r}"
            )
        rows.append(fields)
    names, template, media = zip(*rows, strict=True)
    return PhotoList(names, np.array(template, np.int64), np.array(media, np.int64))


def read_photo_scores(path: Path, names: Sequence[str]) -> np.ndarray:
    """Reads the detector's scores, such as `ijbc_name_5pts_score.txt`.

    A line begins with the photo's name and ends with its score.

    Args:
        path: The list.
        names: Of the photos whose scores are wanted.

    Returns: Float32 (names,).
    Raises: InputError with the line number for any other content, or if a photo is
        not in the list.
    """
    scores = {}
    for number, line in _lines(path, "scores"):
        name, *_, score = line.split() if " " in line else (line, "")
        try:
            scores[name] = float(score)
        except ValueError:
            scores[name] = math.nan
        if not 0 <= scores[name] < math.inf:
            raise InputError(
                f"{path} line {number}: a line must be NAME ... SCORE, the score a "
                f"number of 0 or more. Received: {line!r}"
            )
    if missing := [name for name in names if name not in scores]:
        raise InputError(
            f"{path}: {len(missing):,} photos have no score; the first is {missing[0]}"
        )
    return np.array([scores[name] for name in names], np.float32)


def read_template_pairs(path: Path) -> TemplatePairs:
    """Reads `ijbc_template_pair_label.txt`: `TEMPLATE TEMPLATE 1|0` a line.

    IJB-C's list has 15.7 million lines, so it is read as one array.

    Raises: InputError for any other content, or only one kind of pairs.
    """
    expected = f"{path}: a line must be TEMPLATE TEMPLATE 1|0, all numbers"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an empty file
            table = np.loadtxt(path, np.int64, comments=None, ndmin=2)
    except OSError as error:
        raise InputError(
            f"cannot read the list: {path} ({error.strerror or error})"
        ) from error
    except ValueError as error:
        raise InputError(f"{expected} ({error})") from error
    if table.shape[1] != 3 or not np.isin(table[:, 2], (0, 1)).all():
        raise InputError(f"{expected}. The first is {table[:1].tolist()}")
    same = table[:, 2] == 1
    if same.all() or not same.any():
        raise InputError(f"{path}: there must be genuine (1) and impostor (0) pairs")
    return TemplatePairs(table[:, 0], table[:, 1], same)


def read_subjects(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a gallery or probe list, such as `ijbc_1N_gallery_G1.csv`.

    After a line of headings, each line begins with TEMPLATE,SUBJECT. Where the
    benchmark's own lists repeat a template for each of its photos, it is taken once.

    Returns: Template numbers, rising, int (n,); and their subjects, text (n,).
    Raises: InputError with the line number for any other content, or if a template has
        two subjects.
    """
    subjects = {}
    for number, line in _lines(path, "templates")[1:]:
        fields = [field.strip() for field in line.split(",")]
        if len(fields) < 2 or not is_number(fields[0]) or not fields[1]:
            raise InputError(
                f"{path} line {number}: a line must begin with TEMPLATE,SUBJECT. "
                f"Received: {line!r}"
            )
        if subjects.setdefault(int(fields[0]), fields[1]) != fields[1]:
            raise InputError(
                f"{path} line {number}: a template must be of one subject. Received: "
                f"template {fields[0]} of {subjects[int(fields[0])]} and {fields[1]}"
            )
    if not subjects:
        raise InputError(f"{path}: there must be a line of headings and a template")
    templates = sorted(subjects)
    return np.array(templates), np.array([subjects[number] for number in templates])


def _lines(path, what):
    numbered = [(n, line.strip()) for n, line in numbered_lines(path, what)]
    if not numbered:
        raise InputError(f"{path}: a list must not be empty")
    return numbered
