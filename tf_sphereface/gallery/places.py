"""Galleries by their place: a file of SQLite, or a database of PostgreSQL."""

import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.gallery.address import ServerAddress, parse_place
from tf_sphereface.gallery.database import make_database, require_folder
from tf_sphereface.gallery.identity import FeatureIdentity
from tf_sphereface.gallery.records import NoGalleryError, Person, Template
from tf_sphereface.gallery.sealing import SALT_BYTES, ChecksumSealer, EncryptedSealer
from tf_sphereface.gallery.search import Candidate, Searchable
from tf_sphereface.gallery.store import CHECK, GalleryStore

People = Sequence[tuple[str, Sequence[Template]]]


class Store(Searchable, Protocol):
    """Stored people and templates; methods as `GalleryStore` describes them."""

    place: Path | ServerAddress
    identity: FeatureIdentity
    keeps_crops: bool
    is_encrypted: bool

    def close(self) -> None:
        """Closes it."""

    def add_people(self, people: Iterable[tuple[str, Sequence[Template]]]) -> None:
        """Adds templates of people: all of them or none."""

    def people(self) -> list[Person]:
        """The people, by name."""

    def templates(self, name: str) -> list[Template]:
        """The templates of a person, oldest first."""

    def size(self) -> int:
        """Number of templates."""

    def search_approximately(self) -> None:
        """Lets `nearest` take an index, if there is one."""

    def forget(self, *names: str) -> int:
        """Deletes people for good; gives the number of templates."""

    def replace_features(
        self, identity: FeatureIdentity, embed_all: Callable[[list[bytes]], np.ndarray]
    ) -> int:
        """Puts features of another bundle in the place of all."""


def open_store(
    place: str | os.PathLike | ServerAddress, secret: bytes | None = None
) -> Store:
    """Opens a gallery without a bundle.

    Args:
        place: Path of its file, or address "postgresql://...".
        secret: Its key, as `read_key` gives it, if it is encrypted.

    Raises: NoGalleryError if there is none; InputError if it cannot be used.
    """
    place = parse_place(place)
    if isinstance(place, Path):
        return GalleryStore(place, secret)
    from tf_sphereface.gallery.server_store import ServerStore

    return ServerStore(place, secret)


def make_gallery(
    place: str | os.PathLike | ServerAddress,
    identity: FeatureIdentity,
    secret: bytes | None = None,
    keep_crops: bool = False,
    people: People = (),
) -> None:
    """Makes a gallery; it is whole, or not there.

    Args:
        place: Path of the file to be, in a folder that exists, or address of a
            database.
        identity: Of the features that it will hold.
        secret: Key to encrypt it with, as `read_key` gives it; None: in the clear.
        keep_crops: Whether aligned faces are kept beside their features.
        people: Names and templates of the first people.

    Raises: FileExistsError if there is one; InputError if there is no such folder or
        database, or as `GalleryStore.add_people`.
    """
    place = parse_place(place)
    if isinstance(place, ServerAddress):
        from tf_sphereface.gallery.server_store import make_server_gallery

        make_server_gallery(place, identity, secret, keep_crops, people)
        return
    facts, sealer = {}, ChecksumSealer()
    if secret is not None:
        facts["salt"] = secrets.token_bytes(SALT_BYTES)
        sealer = EncryptedSealer(secret, facts["salt"])
    facts["check"] = sealer.seal(CHECK, "check")
    facts["identity"] = sealer.seal(identity.model_dump_json().encode(), "identity")
    facts["crops"] = b"kept" if keep_crops else b"not kept"

    def fill(made):
        with GalleryStore(made, secret) as store:
            store.place = place  # that messages name
            store.add_people(people)

    make_database(place, facts, fill if people else None)


class UnmadeStore:
    """A gallery that is made with the first people who are added.

    An enrolment that takes nobody leaves nothing behind.

    Args: As for `make_gallery`.
    """

    def __init__(self, place, identity, secret=None, keep_crops=False):
        self.place, self.identity, self._secret = place, identity, secret
        self.keeps_crops, self.is_encrypted = keep_crops, secret is not None
        if isinstance(place, Path):
            require_folder(place)

    def close(self) -> None:
        """Does nothing."""

    def made_with(self, people: People) -> Store:
        """Makes the gallery, or adds to the one that another process has made.

        Raises: InputError as `make_gallery`, or if that one is of another bundle.
        """
        try:
            make_gallery(
                self.place, self.identity, self._secret, self.keeps_crops, people
            )
        except FileExistsError:
            store = open_store(self.place, self._secret)
            try:
                if store.identity != self.identity:
                    raise InputError(
                        f"another process has made {self.place} of another bundle or "
                        "variant meanwhile"
                    ) from None
                store.add_people(people)
            except BaseException:
                store.close()
                raise
            return store
        return open_store(self.place, self._secret)

    def people(self) -> list[Person]:
        """Nobody."""
        return []

    def templates(self, name: str) -> list[Template]:
        """No template."""
        return []

    def size(self) -> int:
        """Zero."""
        return 0

    def nearest(self, *_, **__) -> list[Candidate]:
        """Nobody."""
        return []

    def forget(self, *names: str) -> int:
        """Nobody can be deleted.

        Raises: NoGalleryError.
        """
        raise NoGalleryError(f"no such gallery: {self.place}")
