"""Lists of photos of FaceScrub and MegaFace that show someone else or no one."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from tf_sphereface.data.photos.kinds import PHOTO_SUFFIXES
from tf_sphereface.errors import InputError
from tf_sphereface.text_lists import numbered_lines


def facescrub_noise(path: Path, names: Sequence[str]) -> np.ndarray:
    """Mask of the photos of FaceScrub that a list takes out.

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
    """Mask of the distractors that a list takes out.

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
    lines = []
    for _, line in numbered_lines(path, "noisy photos"):
        fields = line.strip().split("\t")
        if not line.startswith("#"):
            lines.append(fields[1].strip() if len(fields) > 1 else fields[0])
    if not lines:
        raise InputError(f"{path}: a list of noisy photos must not be empty")
    return lines


def _plain(name):
    return _without_suffix(name).replace(" ", "_")


def _tail(name):
    return _without_suffix("/".join(PurePosixPath(name).parts[-3:]))


def _without_suffix(name):
    # Not of any other kind: names of MegaFace may hold more dots.
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in PHOTO_SUFFIXES else name
