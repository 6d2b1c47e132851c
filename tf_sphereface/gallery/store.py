"""The durable store of a gallery: people and templates in one SQLite file."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import ValidationError

from tf_sphereface.errors import InputError
from tf_sphereface.gallery.database import (
    damaged,
    erase,
    mark_erasing,
    open_database,
    reports_errors,
    transaction,
)
from tf_sphereface.gallery.identity import (
    FeatureIdentity,
    checked_feature,
    embedded_again,
    without_crops,
)
from tf_sphereface.gallery.records import Person, Quality, Template, person_key
from tf_sphereface.gallery.sealing import ChecksumSealer, EncryptedSealer
from tf_sphereface.gallery.search import Candidate, Rule, TemplateMatrix

CHECK = b"tf_sphereface gallery"


class GalleryStore:
    """People and templates in a file that is for its owner alone.

    What a method has returned is on the disk, after a loss of power too. Any number of
    processes read while one writes; a second writer waits for up to 30 s. An object
    serves one thread at a time; close it, or use it in a `with`.

    Args:
        path: File of a gallery that `make_gallery` made.
        secret: Key of an encrypted gallery, as `read_key` gives it.

    Attributes:
        place: The file.
        identity: `FeatureIdentity` of its templates.
        keeps_crops: True if aligned faces are kept, to be embedded again.
        is_encrypted: True if names, sources, templates and crops are.

    Raises: NoGalleryError if there is none; InputError if it is damaged, of a newer
        version or another program's, or the key is missing or wrong.
    """

    def __init__(self, path: Path, secret: bytes | None = None):
        self.place = Path(path)
        self._database = open_database(self.place)
        self._matrix = self._matrix_version = None
        try:
            self._read_facts(secret)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._database.close()
        self._matrix = None

    def add(self, name: str, templates: Sequence[Template]) -> None:
        """Adds templates of a person, who may be new: all of them or none.

        Raises: InputError if the name is none, a feature is not one of this gallery, or
            the file cannot be written; OSError if the disk is full.
        """
        self.add_people([(name, templates)])

    def add_people(self, people: Iterable[tuple[str, Sequence[Template]]]) -> None:
        """Adds templates of several people in one transaction, as `add`."""
        with self._writing():
            number = self._next_number("templates")
            for name, templates in people:
                templates = list(templates)
                if not templates:  # who has none is nobody
                    continue
                person = self._person(name) or self._new_person(name)
                rows = itertools.starmap(
                    self._row,
                    zip(itertools.count(number), itertools.repeat(person), templates),
                )
                self._database.executemany(_NEW_TEMPLATE, rows)
                number += len(templates)

    def people(self) -> list[Person]:
        """The people, by name.

        Raises: InputError if the file is damaged.
        """
        rows = self._rows(
            "SELECT people.id, name, count(*), min(added), max(added) "
            "FROM people JOIN templates ON person = people.id GROUP BY people.id"
        )
        people = [Person(self._name(i, name), *rest) for i, name, *rest in rows]
        return sorted(people, key=lambda person: person.name)

    def templates(self, name: str) -> list[Template]:
        """The templates of a person, oldest first; none of an unknown one.

        Raises: InputError if the file is damaged.
        """
        person = self._person(name)
        rows = self._rows(
            "SELECT id, feature, source, added, quality, crop FROM templates "
            "WHERE person = ? ORDER BY id",
            (person,),
        )
        return [self._template(person, *row) for row in rows]

    def matrix(self) -> TemplateMatrix:
        """All templates, to be searched.

        It is read again after a change, by another process too: who was deleted is
        found no more.

        Raises: InputError if the file is damaged.
        """
        (version,) = self._rows("PRAGMA data_version")[0]
        if self._matrix is None or version != self._matrix_version:
            self._matrix, self._matrix_version = self._read_matrix(), version
        return self._matrix

    def size(self) -> int:
        """Number of templates."""
        return len(self.matrix())

    def search_approximately(self) -> None:
        """Refuses: a file is searched exactly.

        Raises: InputError.
        """
        raise InputError(
            f"{self.place} is a file, and searched exactly; approximate searches are "
            "for galleries in PostgreSQL"
        )

    def nearest(
        self, probe: np.ndarray, rule: Rule = "best", k: int = 3, most: int = 2
    ) -> list[Candidate]:
        """The people of the highest scores with a face, as `TemplateMatrix.nearest`."""
        return self.matrix().nearest(probe, rule, k, most)

    def forget(self, *names: str) -> int:
        """Deletes people for good: rows, log, free pages and the matrix.

        Args:
            *names: All of them are deleted, or none.

        Returns: Number of templates that were deleted.
        Raises: InputError if there is no such person; ResultError if another process
            uses the log, so that the rest goes when the gallery is opened next.
        """
        deleted = 0
        with self._writing():
            for name in {person_key(name): name for name in names}.values():
                person = self._person(name)
                if person is None:
                    raise InputError(f"nobody is called {name!r:.200} in {self.place}")
                deleted += self._database.execute(
                    "DELETE FROM templates WHERE person = ?", (person,)
                ).rowcount
                self._database.execute("DELETE FROM people WHERE id = ?", (person,))
            mark_erasing(self._database)
        self._erase()
        return deleted

    def replace_features(
        self, identity: FeatureIdentity, embed_all: Callable[[list[bytes]], np.ndarray]
    ) -> int:
        """Puts features of another bundle in the place of all, in one transaction.

        Args:
            identity: Of the new features.
            embed_all: Gives float32 (templates, feature_dim) of a list of crops (PNG).

        Returns: Number of templates.
        Raises: InputError if a template has no crop; as `embed_all`.
        """
        with self._writing():
            rows = self._rows("SELECT id, person, crop FROM templates ORDER BY id")
            bare = sum(crop is None for _, _, crop in rows)
            if bare:
                raise without_crops(bare, len(rows), self.place)
            crops = [self._unseal(crop, _place("crop", i, p)) for i, p, crop in rows]
            features = embed_all(crops)
            before, self.identity = self.identity, identity
            try:
                for (i, person, _), feature in zip(rows, features, strict=True):
                    sealed = self._sealed_feature(feature, i, person)
                    self._database.execute(
                        "UPDATE templates SET feature = ? WHERE id = ?", (sealed, i)
                    )
                self._write_fact("identity", identity.model_dump_json().encode())
                mark_erasing(self._database)
            except BaseException:
                self.identity = before
                raise
        self._erase()
        return len(rows)

    def _erase(self):
        with reports_errors(self.place):
            erase(self._database, self.place)

    def _read_facts(self, secret):
        facts = dict(self._rows("SELECT name, value FROM facts"))
        salt = facts.get("salt", b"")
        self.is_encrypted = bool(salt)
        if self.is_encrypted and secret is None:
            raise InputError(
                f"{self.place} is encrypted: give its key with --key or in "
                "SPHEREFACE_GALLERY_KEY"
            )
        if not self.is_encrypted and secret is not None:
            raise InputError(f"{self.place} is not encrypted, but a key was given")
        try:
            self._sealer = EncryptedSealer(secret, salt) if salt else ChecksumSealer()
            right = self._sealer.unseal(facts["check"], "check") == CHECK
        except (KeyError, TypeError) as error:
            raise damaged(self.place, "its facts are not readable") from error
        except InputError:
            raise
        except ValueError:
            right = False
        if not right and self.is_encrypted:
            raise InputError(f"not the key of {self.place}")
        try:
            content = self._sealer.unseal(facts["identity"], "identity")
            self.identity = FeatureIdentity.model_validate_json(content)
            self.keeps_crops = facts["crops"] == b"kept"
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(
                self.place, "what its templates are is not readable"
            ) from error

    def _write_fact(self, name, content):
        self._database.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)",
            (name, self._sealer.seal(content, name)),
        )

    @contextlib.contextmanager
    def _writing(self):
        with transaction(self._database, self.place):
            self._check_identity()
            yield
        self._matrix = None

    def _check_identity(self):
        """Refuses a gallery that another process has embedded anew."""
        rows = self._rows("SELECT value FROM facts WHERE name = 'identity'")
        stored = self._unseal(rows[0][0] if rows else b"", "identity")
        if FeatureIdentity.model_validate_json(stored) != self.identity:
            raise embedded_again(self.place)

    def _rows(self, statement, values=()):
        with reports_errors(self.place):
            return self._database.execute(statement, values).fetchall()

    def _person(self, name):
        lookup = self._sealer.lookup(person_key(name))
        found = self._rows("SELECT id FROM people WHERE lookup = ?", (lookup,))
        return found[0][0] if found else None

    def _new_person(self, name):
        person = self._next_number("people")
        sealed = self._sealer.seal(name.encode(), _place("name", person, person))
        self._database.execute(
            "INSERT INTO people VALUES (?, ?, ?)",
            (person, self._sealer.lookup(person_key(name)), sealed),
        )
        return person

    def _next_number(self, table):
        found = self._rows("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return found[0][0] + 1 if found else 1

    def _row(self, number, person, template):
        """The columns of a template."""

        def sealed(content, kind):
            return self._sealer.seal(content, _place(kind, number, person))

        quality, crop = template.quality, template.crop
        return (
            number,
            person,
            self._sealed_feature(template.feature, number, person),
            sealed(template.source.encode(errors="replace"), "source"),
            template.added,
            None if quality is None else quality.model_dump_json(),
            sealed(crop, "crop") if self.keeps_crops and crop else None,
        )

    def _sealed_feature(self, feature, number, person):
        feature = checked_feature(feature, self.identity, self.place)
        place = _place("feature", number, person)
        return self._sealer.seal(feature.tobytes(), place)

    def _unseal(self, sealed, place):
        try:
            return self._sealer.unseal(bytes(sealed), place)
        except (TypeError, ValueError) as error:
            raise damaged(self.place, f"{place}: {error}") from error

    def _name(self, person, sealed):
        return self._unseal(sealed, _place("name", person, person)).decode(
            errors="replace"
        )

    def _template(self, person, number, feature, source, added, quality, crop):
        def content(sealed, kind):
            return self._unseal(sealed, _place(kind, number, person))

        try:
            measured = None if quality is None else Quality.model_validate_json(quality)
        except ValidationError as error:
            raise damaged(self.place, f"quality of template {number}") from error
        return Template(
            feature=self._feature(content(feature, "feature")),
            source=content(source, "source").decode(errors="replace"),
            added=added,
            quality=measured,
            crop=None if crop is None else content(crop, "crop"),
        )

    def _feature(self, content):
        if len(content) != 4 * self.identity.feature_dim:
            raise damaged(self.place, "a template of another length")
        return np.frombuffer(content, "<f4")

    def _read_matrix(self):
        with reports_errors(self.place):
            self._database.execute("BEGIN")  # people and templates of one moment
            try:
                self._check_identity()
                names = {i: self._name(i, n) for i, n in self._rows(_NAMES)}
                features, owners = self._read_features()
            finally:
                self._database.execute("ROLLBACK")
        found, owners = np.unique(owners, return_inverse=True)
        if not names.keys() >= set(found.tolist()):
            raise damaged(self.place, "a template of nobody")
        return TemplateMatrix(
            features, owners, [names[i] for i in found.tolist()], True
        )

    def _read_features(self):
        """Float32 (templates, dim) and the people's numbers (templates,), ascending."""
        (count,) = self._rows("SELECT count(*) FROM templates")[0]
        features = np.empty((count, self.identity.feature_dim), np.float32)
        owners, rows = np.empty(count, np.int64), self._database.execute(_FEATURES)
        for start in range(0, count, _ROWS_AT_ONCE):
            numbers, people, sealed = zip(*rows.fetchmany(_ROWS_AT_ONCE), strict=True)
            part = slice(start, start + len(numbers))
            places = map(_place, itertools.repeat("feature"), numbers, people)
            contents = list(map(self._unseal, sealed, places))
            if any(len(content) != 4 * features.shape[1] for content in contents):
                raise damaged(self.place, "a template of another length")
            features[part] = np.frombuffer(b"".join(contents), "<f4").reshape(
                len(numbers), -1
            )
            owners[part] = people
        return features, owners


_NEW_TEMPLATE = "INSERT INTO templates VALUES (?, ?, ?, ?, ?, ?, ?)"
_NAMES = "SELECT id, name FROM people"
_ROWS_AT_ONCE = 1 << 12  # templates
_FEATURES = "SELECT id, person, feature FROM templates ORDER BY person, id"


def _place(kind, number, person):
    return f"{kind}.{number}.{person}"
