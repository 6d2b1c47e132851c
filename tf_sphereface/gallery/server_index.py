"""The HNSW index of a gallery in PostgreSQL: approximate searches, and their recall."""

import dataclasses

from tf_sphereface.errors import InputError
from tf_sphereface.gallery.address import ServerAddress
from tf_sphereface.gallery.server_database import reports_errors

LOOKED_AT = 100  # templates that an approximate search finds, whose people are named
_NEIGHBOURS = 10
_ALIKE = 1e-6  # scores that differ by less are the same for float32
_NEAREST = (
    "SELECT id, 1 - (feature <=> %s) FROM sphereface.templates "
    f"ORDER BY feature <=> %s LIMIT {LOOKED_AT}"
)


@dataclasses.dataclass(frozen=True)
class Recall:
    """Share of the nearest templates that approximate searches find.

    Each probe is a template of the gallery, which is left out of its own search.

    Args:
        templates: Number of templates of the gallery.
        probes: Number of searches.
        recall_at_1: Share of them that find the nearest other template.
        recall_at_10: Share of the ten nearest that are found, of all searches.
    """

    templates: int
    probes: int
    recall_at_1: float
    recall_at_10: float


def has_index(connection, address: ServerAddress) -> bool:
    """True if a gallery has an index for approximate searches."""
    with reports_errors(address):
        (found,) = connection.execute(
            "SELECT to_regclass('sphereface.templates_hnsw') IS NOT NULL"
        ).fetchone()
    return found


def build_index(connection, address: ServerAddress) -> None:
    """Builds the index, if there is none; nobody writes to the gallery meanwhile.

    Raises: InputError if features have more than 2,000 numbers, or the tables are
        another user's.
    """
    with reports_errors(address):
        connection.execute(
            "CREATE INDEX IF NOT EXISTS templates_hnsw ON sphereface.templates "
            "USING hnsw (feature vector_cosine_ops)"
        )


def drop_index(connection, address: ServerAddress) -> None:
    """Removes the index, if there is one.

    Raises: InputError if the tables are another user's.
    """
    with reports_errors(address):
        connection.execute("DROP INDEX IF EXISTS sphereface.templates_hnsw")


def takes_index(connection, use: bool) -> None:
    """Has the transaction read the index (True), or all templates."""
    off, on = ("seqscan", "indexscan") if use else ("indexscan", "seqscan")
    connection.execute(
        f"SELECT set_config('enable_{off}', 'off', true), "
        f"set_config('enable_{on}', 'on', true), "
        f"set_config('hnsw.ef_search', '{LOOKED_AT}', true)"
    )


def measure_recall(connection, address: ServerAddress, probes: int = 200) -> Recall:
    """Compares approximate searches with exact ones, on a gallery's own templates.

    Args:
        connection: To its database.
        address: Of it.
        probes: Number of templates that are looked for, at most.

    Raises: InputError if it has no index, or fewer than 2 templates.
    """
    require_index(connection, address)
    found = nearest = 0
    with reports_errors(address), connection.transaction():
        # By a fixed shuffle: the same gallery, the same figures.
        chosen = connection.execute(
            "SELECT id, feature FROM sphereface.templates "
            "ORDER BY md5(id::text), id LIMIT %s",
            (probes,),
            binary=True,
        ).fetchall()
        (size,) = connection.execute(
            "SELECT count(*) FROM sphereface.templates"
        ).fetchone()
        if size < 2:
            raise InputError(f"{address} has too few templates to measure a recall")
        wanted = min(_NEIGHBOURS, size - 1)
        for number, feature in chosen:
            exact, approximate = (
                _others(connection, number, feature, use) for use in (False, True)
            )
            least = exact[wanted - 1] - _ALIKE
            found += sum(score >= least for score in approximate[:wanted])
            nearest += bool(approximate) and approximate[0] >= exact[0] - _ALIKE
    searches = len(chosen)
    return Recall(size, searches, nearest / searches, found / (wanted * searches))


def require_index(connection, address: ServerAddress) -> None:
    """Refuses a gallery without an index.

    Raises: InputError.
    """
    if not has_index(connection, address):
        raise InputError(
            f"{address} has no index for approximate searches; build one with: "
            "sphereface people GALLERY --hnsw build"
        )


def _others(connection, number, feature, use):
    """Scores of the nearest templates but one, highest first."""
    takes_index(connection, use)
    rows = connection.execute(_NEAREST, (feature, feature), binary=True).fetchall()
    return [score for other, score in rows if other != number]
