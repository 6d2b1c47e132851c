"""Kinds of files that photos come in, and files that are passed over."""

import contextlib
import functools
import importlib
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from PIL import Image

from tf_sphereface.data.photos.names import RESERVED_NAMES, check_name, identity_of
from tf_sphereface.errors import InputError
from tf_sphereface.files import is_clutter

# Several names of JPEG, and of other kinds; the content decides, not the name.
PHOTO_SUFFIXES = frozenset(
    {".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif"}
    | {".jp2", ".jpe", ".jpeg", ".jpg", ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm"}
    | {".tif", ".tiff", ".webp"}
)
# Pillow's names of what such files hold, whatever their suffix says. Not all that it
# reads: for EPS it starts Ghostscript.
_FORMATS = frozenset(
    {"AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP"}
)
_HEIF_BRANDS = (b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevx", b"mif1", b"msf1")
_NAMED = 5  # folders that a note names
NEEDS_HEIF = "HEIC needs pillow-heif"
INSTALL_HEIF = "pip install 'tf-sphereface[heic]'"


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that photos are read in; some are optional.

    Pillow tries them in this order.
    """
    Image.init()
    with contextlib.suppress(ImportError):  # an extra
        importlib.import_module("pillow_heif").register_heif_opener()
    return tuple(
        sorted(_FORMATS & Image.OPEN.keys(), key=lambda name: (name != "JPEG", name))
    )


def is_heif(content: bytes) -> bool:
    """True if an encoded photo is HEIC, which iPhones write."""
    return content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS


class PassedOver:
    """Files of a collection that are not taken for photos of people, by the cause.

    Hidden files, those that systems lay down everywhere, and those that `align` and
    `synthesize` write beside the people are not among them.

    Attributes:
        kinds: Number of files by suffix that are of no kind which is read.
        deeper: Photos in folders below a person's: their number and the first name.
        beside: Photos that lie in no person's folder, likewise.
        left_out: Folders of people with such files and without a photo that is taken.
    """

    def __init__(self):
        self.kinds = Counter()
        self.deeper = self.beside = (0, "")
        self.left_out = []

    @property
    def count(self) -> int:
        """Number of all these files."""
        return self.kinds.total() + self.deeper[0] + self.beside[0]

    def notes(self, option: str | None = None) -> list[str]:
        """Sentences that name them, none if there are none.

        Args:
            option: Of the command, that takes the deeper ones; None: there is none.
        """
        found = []
        (deeper, name), (beside, other) = self.deeper, self.beside
        if deeper:
            cure = f"{option} takes them" if option else "move them up to take them"
            found.append(
                f"{deeper:,} photos below a person's folder were passed over, such as "
                f"{name}; {cure}"
            )
        if beside:
            found.append(
                f"{beside:,} photos in no person's folder were passed over, such as "
                f"{other}"
            )
        if self.kinds:
            kinds = sorted(self.kinds.items(), key=lambda item: (-item[1], item[0]))
            listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds)
            found.append(f"files that are no photos were passed over: {listed}")
        if self.left_out:
            more = len(self.left_out) - _NAMED
            found.append(
                f"no photo was taken from {len(self.left_out):,} "
                f"{'folder' if len(self.left_out) == 1 else 'folders'}: "
                + ", ".join(self.left_out[:_NAMED])
                + (f" and {more:,} more" if more > 0 else "")
            )
        return found


def sort_files(
    files: Iterable[tuple[str, tuple[str, ...]]], subfolders: bool = False
) -> tuple[dict[str, str], PassedOver]:
    """Tells the photos of people among files.

    Args:
        files: Place of each, and the folders and the name that lead to it from the
            folder of all people.
        subfolders: Whether photos below a person's folder are taken too: those of
            PERSON/2004/1.jpg are named "PERSON/2004_1.jpg".

    Returns: Places by name "IDENTITY/FILE", sorted by name, and the other files.
    Raises: InputError if two photos would have one name, or if a name cannot be a
        file name on all systems.
    """
    places, other, passed = {}, PassedOver(), set()
    for place, parts in sorted(files):
        written = len(parts) == 1 and parts[0] in RESERVED_NAMES
        if _is_hidden(parts) or written:
            continue
        if not is_photo(parts):
            suffix = PurePosixPath(parts[-1]).suffix.lower()
            other.kinds[suffix or "without a suffix"] += 1
            passed.update(parts[:-1][:1])
        elif len(parts) < 2:
            other.beside = other.beside[0] + 1, other.beside[1] or "/".join(parts)
        elif len(parts) > 2 and not subfolders:
            other.deeper = other.deeper[0] + 1, other.deeper[1] or "/".join(parts)
            passed.add(parts[0])
        else:
            name = f"{parts[0]}/{'_'.join(parts[1:])}"
            check_name(name)
            if name in places:
                raise InputError(
                    f"two photos would have the name {name!r}: {places[name]!r} and "
                    f"{place!r}; rename one"
                )
            places[name] = place
    other.left_out = sorted(passed - set(map(identity_of, places)))
    return dict(sorted(places.items())), other


def is_photo(parts: tuple[str, ...]) -> bool:
    """True if a file has the suffix of a photo and is not hidden.

    Args:
        parts: Folders and name of the file.
    """
    suffix = PurePosixPath(parts[-1]).suffix.lower()
    return suffix in PHOTO_SUFFIXES and not _is_hidden(parts)


def _is_hidden(parts):
    return any(
        part.startswith(".") or part == "__MACOSX" or is_clutter(part) for part in parts
    )
