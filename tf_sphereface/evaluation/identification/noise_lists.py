"""Lists of photos of FaceScrub and MegaFace that show someone else or no one."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from tf_sphereface.data.images import PHOTO_SUFFIXES
from tf_sphereface.errors import InputError


def facescrub_noise(path: Path, names: Sequence[str]) -> np.ndarray:
    """Which photos of FaceScrub a list takes out.

    The list of InsightFace (`facescrub_noises.txt`) has a file name a line, such as
    `Ann_Example_277.png`, without the person's folder; "#" begins a comment. Suffix,
    and whether spaces are written as "_", do not matter, since crops are often written
    anew. InsightFace's own script puts the person's mean in place of such a photo; here
    it is taken out.

    Args:
        path: The list.
        names: Photos, "PERSON/FILE".

    Returns: Bool (names,).
    Raises: InputError if the list cannot be read or is empty.
    """
    listed = {_plain(PurePosixPath(line).name) for line in _lines(path)}
    return np.array(
        [_plain(PurePosixPath(name).name) in listed for name in names], bool
    )


def distractor_noise(path: Path, names: Sequence[str]) -> np.ndarray:
    """Which distractors a list takes out.

    The list of InsightFace (`megaface_noises.txt`) has a path a line, of two folders
    and a file name, as MegaFace's distractors lie; where a line has tabs, its second
    field is the path. "#" begins a comment. The suffix does not matter. InsightFace's
    own script puts a far-off vector in place of such a photo; here it is taken out.

    Args:
        path: The list.
        names: Distractors, paths with "/"; the last two folders count.

    Returns: Bool (names,).
    Raises: InputError if the list cannot be read or is empty.
    """
    listed = {_tail(line) for line in _lines(path)}
    return np.array([_tail(name) in listed for name in names], bool)


def _lines(path):
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"cannot read the noise list: {path} ({error.strerror})"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: a noise list must be UTF-8 text") from error
    lines = []
    for line in text.split("\n"):
        fields = line.strip().split("\t")
        if fields[0] and not line.startswith("#"):
            lines.append(fields[1].strip() if len(fields) > 1 else fields[0])
    if not lines:
        raise InputError(f"{path}: a noise list must not be empty")
    return lines


def _plain(name):
    return _without_suffix(name).replace(" ", "_")


def _tail(name):
    return _without_suffix("/".join(PurePosixPath(name).parts[-3:]))


def _without_suffix(name):
    # Not of any other kind: names of MegaFace may hold more dots.
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in PHOTO_SUFFIXES else name
