"""InsightFace's verification sets: lfw.bin, agedb_30.bin, cfp_fp.bin, ..."""

import zlib
from pathlib import Path

from tf_sphereface.data.photos.kinds import PassedOver
from tf_sphereface.data.sources.photo_source import Photo
from tf_sphereface.errors import InputError
from tf_sphereface.pickles.plain_data import PlainArray, read_plain_pickle

_LARGEST_SET = 1 << 31  # bytes; the largest known is a tenth of it


class VerificationSetSource:
    """The aligned faces of a .bin file, which is pairs of photos with no names.

    Each photo of an impostor pair gets an identity of its own, and the two of a genuine
    pair one: `pair_00000/1.jpg` and `pair_00000/2.jpg`, or `pair_00001_left/1.jpg` and
    `pair_00001_right/1.jpg`. A photo in several pairs occurs as often.

    Attributes:
        pairs: (left, right, same) of each pair, in the order of the file.

    Raises: InputError if the file is no such set; nothing in it is run.
    """

    aligned = True
    passed_over = PassedOver()

    def __init__(self, path: Path):
        self.path = path
        photos, same = read_verification_set(path)
        self.pairs = tuple(
            (*_names(number, alike), alike) for number, alike in enumerate(same)
        )
        flat = [name for left, right, _ in self.pairs for name in (left, right)]
        self._photos = {
            name: Photo(name, index, len(photos[index]), zlib.crc32(photos[index]))
            for index, name in enumerate(flat)
        }
        self.names = tuple(sorted(flat))

    def photo(self, name: str) -> Photo:
        return self._photos[name]

    def reader(self) -> "SetReader":
        return SetReader(self.path)


class SetReader:
    """Reads photos of a set; a place is the photo's index. Loads the set once."""

    def __init__(self, path: Path):
        self._path = path
        self._photos = None

    def __getstate__(self):
        return {"_path": self._path, "_photos": None}

    def read(self, place: int) -> bytes:
        if self._photos is None:
            self._photos, _ = read_verification_set(self._path)
        return self._photos[place]


def read_verification_set(path: Path) -> tuple[list[bytes], list[bool]]:
    """The encoded photos, two for each pair, and whether each pair is genuine.

    Raises: InputError if the file is damaged or holds anything but photos and flags.
    """
    size = path.stat().st_size
    if size > _LARGEST_SET:
        raise InputError(f"too large for a verification set: {path} of {size} bytes")
    content = read_plain_pickle(path.read_bytes(), path)
    if type(content) not in (list, tuple) or len(content) != 2:
        raise InputError(f"{path} must hold a list of photos and a list of flags")
    photos, flags = map(_as_list, content)
    if photos is None or flags is None or not flags or len(photos) != 2 * len(flags):
        raise InputError(
            f"{path} must hold two photos for each flag. Received: "
            f"{len(photos or ())} photos and {len(flags or ())} flags"
        )
    photos = _encoded_photos(photos, path)
    return photos, [_flag(flag, path, index) for index, flag in enumerate(flags)]


def _names(number, same):
    pair = f"pair_{number:05d}"
    if same:
        return f"{pair}/1.jpg", f"{pair}/2.jpg"
    return f"{pair}_left/1.jpg", f"{pair}_right/1.jpg"


def _as_list(value):
    if type(value) is PlainArray:
        return value.values.tolist()
    return value if type(value) in (list, tuple) else None


def _encoded_photos(values, path):
    encoded = {}  # an array that occurs twice is one object, and one copy
    for index, value in enumerate(values):
        if id(value) not in encoded:
            content = value.values.tobytes() if type(value) is PlainArray else value
            if type(content) is not bytes:
                raise InputError(
                    f"photo {index} of {path} must be bytes. "
                    f"Received: {type(content).__name__}"
                )
            encoded[id(value)] = content
    return [encoded[id(value)] for value in values]


def _flag(value, path, index):
    if type(value) is PlainArray and value.values.size == 1:
        value = value.values.item()
    if type(value) not in (bool, int) or value not in (0, 1):
        raise InputError(f"flag {index} of {path} must be true or false")
    return bool(value)
