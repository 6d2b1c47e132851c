"""Photo sources: their protocol, and the check of their names."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tf_sphereface.data.photos.kinds import PassedOver
from tf_sphereface.data.photos.names import (
    check_name,
    identity_of,
    refuse_merging,
    split_name,
)
from tf_sphereface.errors import InputError

_LONGEST_NAME = 240  # bytes; file systems have 255, and crops' names are longer


class Photo(NamedTuple):
    """One photo of a source, without its content.

    A photo whose `bytes` and `modified_ns` are as they were counts as unchanged.

    Args:
        name: "IDENTITY/FILE".
        place: What the source's reader needs to find it; small, can be pickled.
        bytes: Size of the photo; 0 if it is missing.
        modified_ns: Time of the last change, nanoseconds, or where a source keeps no
            times another number that changes with the content: a CRC or an offset.
    """

    name: str
    place: Any
    bytes: int
    modified_ns: int


class PhotoReader(Protocol):
    """Reads photos in any process: it is pickled without open files."""

    def read(self, place: Any) -> bytes:
        """The encoded photo at a `Photo.place`.

        Raises: FileNotFoundError if it is missing; InputError if it is damaged, with
            the reason before the first colon; OSError if it cannot be read.
        """


class PhotoSource(Protocol):
    """A collection of photos of people.

    Attributes:
        path: Where it is, for messages.
        names: "IDENTITY/FILE" of each photo, sorted.
        passed_over: Files that are not taken for photos of people.
        aligned: Whether the photos are InsightFace's 112 x 112 crops already, which
            need no detector.
    """

    path: Path
    names: tuple[str, ...]
    passed_over: PassedOver
    aligned: bool

    def photo(self, name: str) -> Photo:
        """Place, size and time of change of a photo; cheap."""

    def reader(self) -> PhotoReader:
        """A reader for this or another process, much smaller than the source."""


def checked_names(names: Iterable[str], path: Path) -> tuple[str, ...]:
    """Sorts "IDENTITY/FILE" names of a source that is no folder.

    Raises: InputError if a name occurs twice, cannot be a file name on all systems, or
        if two identities would be one on some.
    """
    names = sorted(names)
    for name, count in Counter(names).items():
        if count > 1:
            raise InputError(f"{path} has {count} photos named {name!r}; keep one")
        check_name(name)
        for part in split_name(name):
            if len(part.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
                raise InputError(f"too long a name: {part[:40]!r}... in {path}")
    refuse_merging(set(map(identity_of, names)), "identities")
    return tuple(names)
