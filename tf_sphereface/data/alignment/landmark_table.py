"""Landmarks of photos that were found elsewhere, as a CSV file."""

import csv
import math
from pathlib import Path

from tf_sphereface.data.aligned.manifest import LANDMARK_FIELDS
from tf_sphereface.errors import InputError

_FARTHEST = 1e6  # pixels; no photo is so large
_HEADERS = frozenset({"file", "image", "path", "photo"})
_CLOSEST = 1.0  # pixels; a face is larger


def read_landmark_table(path: Path) -> dict[str, tuple[float, ...]]:
    """Reads the five landmarks of photos: `photo,x,y,x,y,x,y,x,y,x,y` a line.

    The points are the eyes, the nose tip and the mouth corners, left and right as seen
    in the picture, the first pixel at 0. Further columns do not count. A first line
    that begins with `photo`, `path`, `file` or `image` names the columns; if it names
    the numbers as `align` and `synthesize` do (left_eye_x, ...), they may be in any
    order, and a line without numbers, as of a dropped photo, does not count.

    Returns: Ten numbers by photo, "IDENTITY/FILE".
    Raises: InputError with the line number if a line cannot be read or a photo occurs
        twice.
    """
    table, places, number = {}, tuple(range(11)), 0
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            for fields in reader:
                number = reader.line_num
                if not table and fields and fields[0].strip().lower() in _HEADERS:
                    places = _places(fields)
                elif any(field.strip() for field in fields):
                    photo, landmarks = _parse(fields, places)
                    if photo in table:
                        raise InputError(f"{photo!r} occurs twice")
                    if landmarks:
                        table[photo] = landmarks
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text: {path}") from error
    except FileNotFoundError as error:
        raise InputError(f"no such file of landmarks: {path}") from error
    except (InputError, csv.Error) as error:
        line = number if isinstance(error, InputError) else number + 1
        raise InputError(f"{path} line {line}: {error}") from error
    if not table:
        raise InputError(f"no landmarks in {path}")
    return table


def _places(header):
    names = [name.strip().lower() for name in header]
    if set(LANDMARK_FIELDS) <= set(names):
        return 0, *(names.index(name) for name in LANDMARK_FIELDS)
    return tuple(range(11))


def _parse(fields, places):
    if len(fields) <= max(places):
        raise InputError(
            f"must be a photo and ten numbers. Received: {len(fields)} fields"
        )
    photo, *numbers = (fields[place].strip() for place in places)
    if not any(numbers):
        return photo, ()
    try:
        landmarks = tuple(map(float, numbers))
    except ValueError as error:
        raise InputError(
            f"must be a photo and ten numbers. Received: {fields!r:.200}"
        ) from error
    if not all(math.isfinite(v) and abs(v) <= _FARTHEST for v in landmarks):
        raise InputError(f"landmarks must be pixels of a photo. Received: {landmarks}")
    if max(max(p) - min(p) for p in (landmarks[::2], landmarks[1::2])) < _CLOSEST:
        raise InputError(f"landmarks must not be one point. Received: {landmarks}")
    return photo, landmarks
