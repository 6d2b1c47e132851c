"""People and templates in a PostgreSQL database, compared there by pgvector."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Self

import numpy as np
from pydantic import ValidationError

from tf_sphereface.errors import InputError
from tf_sphereface.gallery.address import ServerAddress
from tf_sphereface.gallery.database import damaged
from tf_sphereface.gallery.identity import (
    FeatureIdentity,
    checked_feature,
    embedded_again,
    without_crops,
)
from tf_sphereface.gallery.records import Person, Quality, Template, person_key
from tf_sphereface.gallery.search import Candidate, Rule, check_rule
from tf_sphereface.gallery.server_database import (
    SERVER_FORMAT,
    connect,
    make_database,
    prepare,
    reports_errors,
    require_gallery,
    rewrite,
    shape_features,
)
from tf_sphereface.gallery.server_index import (
    LOOKED_AT,
    build_index,
    has_index,
    require_index,
    takes_index,
)
from tf_sphereface.similarity import unit_rows

# The server compares in float32: squares of other lengths would leave its range.
_LENGTHS = 1e-15, 1e15


class ServerStore:
    """People and templates in the schema `sphereface` of a database.

    The methods are those of `GalleryStore`; templates are not copied to this process
    to be compared. Any number of processes read and write. The search reads all
    templates, unless `search_approximately` was called.

    Args:
        place: Address of the database.
        secret: Must be None: the server could not compare what is encrypted.

    Attributes:
        place: The address, whose text has no password.
        identity: `FeatureIdentity` of its templates.
        keeps_crops: True if aligned faces are kept, to be embedded again.
        is_encrypted: False.

    Raises: NoGalleryError if there is none; InputError if the server does not answer,
        the gallery is of a newer version or damaged, or a key was given.
    """

    is_encrypted = False

    def __init__(self, place: ServerAddress, secret: bytes | None = None):
        _refuse_key(place, secret)
        self.place, self._approximate = place, False
        self.connection = connect(place)
        try:
            require_gallery(self.connection, place)
            prepare(self.connection, place)
            facts = dict(self.rows("SELECT name, value FROM sphereface.facts"))
            self.identity = FeatureIdentity.model_validate_json(facts["identity"])
            self.keeps_crops = facts["crops"] == "kept"
        except (KeyError, ValidationError) as error:
            self.close()
            raise damaged(place, "what its templates are is not readable") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()

    def add(self, name: str, templates: Sequence[Template]) -> None:
        """Adds templates of a person, who may be new: all of them or none."""
        self.add_people([(name, templates)])

    def add_people(self, people: Iterable[tuple[str, Sequence[Template]]]) -> None:
        """Adds templates of several people in one transaction, by COPY.

        Raises: InputError as `GalleryStore.add`, or if a feature is too long or short
            for the server's arithmetic; OSError if its disk is full.
        """
        with self._writing("SHARE"):
            _insert(
                self.connection, self.place, self.identity, self.keeps_crops, people
            )

    def people(self) -> list[Person]:
        """The people, by name."""
        rows = self.rows(
            "SELECT name, count(*), min(added), max(added) FROM sphereface.templates "
            "JOIN sphereface.people ON person = people.id GROUP BY people.id, name"
        )
        return sorted((Person(*row) for row in rows), key=lambda person: person.name)

    def templates(self, name: str) -> list[Template]:
        """The templates of a person, oldest first; none of an unknown one."""
        rows = self.rows(
            "SELECT templates.id, feature, source, added, quality, crop "
            "FROM sphereface.templates JOIN sphereface.people ON person = people.id "
            "WHERE lookup = %s ORDER BY templates.id",
            (person_key(name),),
        )
        return [self._template(*row) for row in rows]

    def size(self) -> int:
        """Number of templates."""
        return self.rows("SELECT count(*) FROM sphereface.templates")[0][0]

    def search_approximately(self) -> None:
        """Lets `nearest` take the index, which may miss the right person.

        Raises: InputError if there is no index.
        """
        require_index(self.connection, self.place)
        self._approximate = True

    def nearest(
        self, probe: np.ndarray, rule: Rule = "best", k: int = 3, most: int = 2
    ) -> list[Candidate]:
        """The people of the highest scores with a face, highest first.

        Raises: InputError if the probe has another length, or an approximate search is
            not by the best template; ValueError as `TemplateMatrix.nearest`.
        """
        check_rule(rule, k)
        probe = unit_rows(checked_feature(probe, self.identity, self.place))
        values = {"probe": probe, "k": k, "most": most}
        if self._approximate:
            rows = self._approximately(rule, values)
        else:
            rows = self.rows(_EXACT.format(_SCORES[rule]), values)
        if rows and not self._is_of_identity(rows[0][2]):
            raise embedded_again(self.place)
        if not np.isfinite([score for _, score, _ in rows]).all():
            raise damaged(self.place, "a template that is not finite")
        return [Candidate(name, score) for name, score, _ in rows[:most]]

    def forget(self, *names: str) -> int:
        """Deletes people for good: rows, and what they leave in the tables' files.

        The tables are written anew; the server's log (WAL), its standbys and backups
        are for its administrator.

        Args:
            *names: All of them are deleted, or none.

        Returns: Number of templates that were deleted.
        Raises: InputError if there is no such person, or the tables are another user's.
        """
        keys = {person_key(name): name for name in names}
        with self._writing("UPDATE"):
            # In the order of the queries that read, which would otherwise block it.
            self.connection.execute(
                "LOCK TABLE sphereface.templates, sphereface.people "
                "IN ACCESS EXCLUSIVE MODE"
            )
            found = dict(
                self.rows(
                    "SELECT lookup, id FROM sphereface.people WHERE lookup = ANY(%s)",
                    (list(keys),),
                )
            )
            for key, name in keys.items():
                if key not in found:
                    raise InputError(f"nobody is called {name!r:.200} in {self.place}")
            people = (list(found.values()),)
            deleted = self.connection.execute(
                "DELETE FROM sphereface.templates WHERE person = ANY(%s)", people
            ).rowcount
            self.connection.execute(
                "DELETE FROM sphereface.people WHERE id = ANY(%s)", people
            )
            rewrite(self.connection)
        return deleted

    def replace_features(
        self, identity: FeatureIdentity, embed_all: Callable[[list[bytes]], np.ndarray]
    ) -> int:
        """Puts features of another bundle in the place of all, in one transaction.

        Raises: InputError if a template has no crop; as `embed_all`.
        """
        with self._writing("UPDATE"):
            self.connection.execute(
                "LOCK TABLE sphereface.templates IN ACCESS EXCLUSIVE MODE"
            )
            rows = self.rows("SELECT id, crop FROM sphereface.templates ORDER BY id")
            bare = sum(crop is None for _, crop in rows)
            if bare:
                raise without_crops(bare, len(rows), self.place)
            features = embed_all([bytes(crop) for _, crop in rows])
            indexed = has_index(self.connection, self.place)
            self.connection.execute(
                "ALTER TABLE sphereface.templates DROP feature, ADD feature vector"
            )
            self.connection.cursor().executemany(
                "UPDATE sphereface.templates SET feature = %s WHERE id = %s",
                [
                    (_stored(feature, identity, self.place), number)
                    for (number, _), feature in zip(rows, features, strict=True)
                ],
            )
            shape_features(self.connection, identity.feature_dim)
            rewrite(self.connection)
            if indexed:
                build_index(self.connection, self.place)
            self.connection.execute(
                "UPDATE sphereface.facts SET value = %s WHERE name = 'identity'",
                (identity.model_dump_json(),),
            )
        self.identity = identity
        return len(rows)

    def rows(self, statement: str, values: Sequence | dict = ()) -> list[tuple]:
        """All rows of a query.

        Raises: InputError as `reports_errors`.
        """
        with reports_errors(self.place):
            # Binary: floats as they are.
            return self.connection.execute(statement, values, binary=True).fetchall()

    @contextlib.contextmanager
    def _writing(self, lock):
        """A transaction; deletions ("UPDATE") wait for all others, and the reverse."""
        with reports_errors(self.place), self.connection.transaction():
            (stored,) = self.rows(
                f"SELECT value FROM sphereface.facts WHERE name = 'identity' FOR {lock}"
            )[0]
            if not self._is_of_identity(stored):
                raise embedded_again(self.place)
            yield

    def _is_of_identity(self, stored):
        return FeatureIdentity.model_validate_json(stored) == self.identity

    def _approximately(self, rule, values):
        if rule != "best":
            raise InputError("an approximate search is by the best template alone")
        with reports_errors(self.place), self.connection.transaction():
            takes_index(self.connection, True)
            rows = self.rows(_APPROXIMATE, values)
        best = {}
        for person, *row in rows:
            best.setdefault(person, row)
        return list(best.values())

    def _template(self, number, feature, source, added, quality, crop):
        try:
            measured = None if quality is None else Quality.model_validate_json(quality)
        except ValidationError as error:
            raise damaged(self.place, f"quality of template {number}") from error
        feature = checked_feature(feature.to_numpy(), self.identity, self.place)
        return Template(feature, source, added, measured, crop and bytes(crop))


_SCORES = {
    "best": "SELECT person, max(score) AS score FROM scores GROUP BY person",
    "mean": "SELECT person, avg(score) AS score FROM scores GROUP BY person",
    "top-k": "SELECT person, avg(score) AS score FROM (SELECT person, score, "
    "row_number() OVER (PARTITION BY person ORDER BY score DESC) AS place FROM scores)"
    " AS ranked WHERE place <= %(k)s GROUP BY person",
}
_IDENTITY = "(SELECT value FROM sphereface.facts WHERE facts.name = 'identity')"
_EXACT = (
    "WITH scores AS (SELECT person, 1 - (feature <=> %(probe)s) AS score "
    "FROM sphereface.templates), found AS ({}) "
    f"SELECT name, score, {_IDENTITY} FROM found "
    "JOIN sphereface.people ON people.id = person "
    "ORDER BY score DESC, person LIMIT %(most)s"
)
_APPROXIMATE = (
    "WITH found AS MATERIALIZED (SELECT person, 1 - (feature <=> %(probe)s) AS score "
    "FROM sphereface.templates ORDER BY feature <=> %(probe)s "
    f"LIMIT {LOOKED_AT}) SELECT person, name, score, {_IDENTITY} FROM found "
    "JOIN sphereface.people ON people.id = person ORDER BY score DESC, person"
)


def make_server_gallery(
    place: ServerAddress,
    identity: FeatureIdentity,
    secret: bytes | None = None,
    keep_crops: bool = False,
    people: Iterable[tuple[str, Sequence[Template]]] = (),
) -> None:
    """Makes the tables of a gallery in a database; all of it, or nothing.

    Args: As for `make_gallery`.

    Raises: FileExistsError if there is one; InputError as `ServerStore`.
    """
    _refuse_key(place, secret)
    facts = {
        "format": str(SERVER_FORMAT),
        "identity": identity.model_dump_json(),
        "crops": "kept" if keep_crops else "not kept",
    }
    with (
        contextlib.closing(connect(place)) as connection,
        reports_errors(place),
        connection.transaction(),
    ):
        make_database(connection, place)
        shape_features(connection, identity.feature_dim)
        connection.cursor().executemany(
            "INSERT INTO sphereface.facts VALUES (%s, %s)", list(facts.items())
        )
        _insert(connection, place, identity, keep_crops, people)


def _refuse_key(place, secret):
    if secret is not None:
        raise InputError(
            f"a key was given, but {place} takes none: its server compares the "
            "templates, and could not read them; encrypt the server's disk"
        )


def _insert(connection, place, identity, keep_crops, people):
    names, rows = {}, []
    for name, templates in people:
        for template in templates:  # who has none is nobody
            key, quality = person_key(name), template.quality
            names.setdefault(key, name)
            row = (
                key,
                _stored(template.feature, identity, place),
                template.source.encode(errors="replace").decode(),
                template.added,
                None if quality is None else quality.model_dump_json(),
                template.crop if keep_crops and template.crop else None,
            )
            rows.append(row)
    # In order: of two processes neither waits for what the other has locked.
    people = connection.execute(
        "INSERT INTO sphereface.people (lookup, name) "
        "SELECT * FROM unnest(%s::text[], %s::text[]) ORDER BY 1 "
        "ON CONFLICT (lookup) DO UPDATE SET lookup = EXCLUDED.lookup "
        "RETURNING lookup, id",
        (list(names), list(names.values())),
    )
    numbers = dict(people.fetchall())
    copying = (
        "COPY sphereface.templates (person, feature, source, added, quality, crop) "
        "FROM STDIN (FORMAT BINARY)"
    )
    with connection.cursor().copy(copying) as copy:
        copy.set_types(["int8", "vector", "text", "text", "text", "bytea"])
        for key, *row in rows:
            copy.write_row((numbers[key], *row))


def _stored(feature, identity, place):
    feature = checked_feature(feature, identity, place)
    length = np.linalg.norm(feature.astype(np.float64))
    if not _LENGTHS[0] < length < _LENGTHS[1]:
        raise InputError(
            f"a feature in {place} must have a length of {_LENGTHS[0]:g} to "
            f"{_LENGTHS[1]:g}. Received: {length:g}"
        )
    return feature
