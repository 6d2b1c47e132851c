"""The PostgreSQL database of a gallery: connected to, made, its errors in one line."""

import contextlib
import errno
import os
from collections.abc import Iterator

from tf_sphereface.errors import InputError
from tf_sphereface.gallery.address import ServerAddress
from tf_sphereface.gallery.database import damaged
from tf_sphereface.gallery.records import GalleryError, NoGalleryError

SERVER_FORMAT = 1
_LARGEST_IN_A_PAGE = 1800  # numbers of a feature; a page has 8 KiB
# No statistics: ANALYZE would keep names and features of people who were deleted since.
_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS sphereface;
CREATE TABLE sphereface.facts (name text PRIMARY KEY, value text NOT NULL);
CREATE TABLE sphereface.people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lookup text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL
);
CREATE TABLE sphereface.templates (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person bigint NOT NULL REFERENCES sphereface.people,
    feature vector NOT NULL,
    source text NOT NULL,
    added text NOT NULL,
    quality text,
    crop bytea
);
CREATE INDEX templates_of_person ON sphereface.templates (person);
ALTER TABLE sphereface.people
    ALTER lookup SET STATISTICS 0,
    ALTER name SET STATISTICS 0;
ALTER TABLE sphereface.templates
    ALTER source SET STATISTICS 0,
    ALTER quality SET STATISTICS 0,
    ALTER crop SET STATISTICS 0;
"""
_SETTINGS = """
SELECT set_config('lock_timeout', '30s', false),
    set_config('search_path', 'pg_catalog, ' || quote_ident(nspname), false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
WHERE extname = 'vector'
"""
_OF_OTHER_TABLES = {"3F000", "42703", "42P01"}  # no such schema, column or table
_CAUSES = {
    "40P01": "another process is writing to it; try again",
    "55P03": "another process is writing to it; try again",
}


def _drivers():
    """The modules psycopg and pgvector.psycopg."""
    try:
        import pgvector.psycopg
        import psycopg
    except ImportError as error:
        raise InputError(
            "galleries in PostgreSQL need the packages psycopg and pgvector: "
            "pip install 'tf-sphereface[postgresql]'"
        ) from error
    return psycopg, pgvector.psycopg


@contextlib.contextmanager
def reports_errors(address: ServerAddress) -> Iterator[None]:
    """Turns errors of the server, and of the way to it, into one line each.

    Raises: GalleryError; OSError if its disk is full, and nothing of the transaction is
        kept then.
    """
    psycopg, _ = _drivers()
    try:
        yield
    except psycopg.Error as error:
        if isinstance(error, psycopg.errors.DiskFull):
            text = os.strerror(errno.ENOSPC)
            raise OSError(errno.ENOSPC, text, str(address)) from error
        said = error.diag.message_primary or str(error)
        said = address.without_password(said)
        if error.sqlstate in _OF_OTHER_TABLES:
            raise damaged(address, said) from error
        cause = _CAUSES.get(error.sqlstate, said)
        raise GalleryError(f"no use of {address}: {cause}") from error


def connect(address: ServerAddress):
    """Connects to a database.

    Returns: psycopg's `Connection`, whose transactions are begun by us.
    Raises: InputError if the server does not answer, or not to this user.
    """
    psycopg, _ = _drivers()
    try:
        options = psycopg.conninfo.conninfo_to_dict(address.uri)
    except psycopg.ProgrammingError:  # its text may have parts of a password
        raise InputError(
            f"an option behind {address} is none of PostgreSQL's"
        ) from None
    defaults = {
        "application_name": "sphereface",
        "client_encoding": "UTF8",
        "connect_timeout": "10",  # seconds, for each of its hosts
        "tcp_user_timeout": "30000",  # milliseconds
    }
    with reports_errors(address):
        # Prepared plans would not outlast that the tables are written anew.
        return psycopg.connect(
            **defaults | options, autocommit=True, prepare_threshold=None
        )


def prepare(connection, address: ServerAddress) -> None:
    """Lets a connection know pgvector's type, and wait for 30 s for other processes."""
    _, vectors = _drivers()
    with reports_errors(address):
        if connection.execute(_SETTINGS).fetchone() is None:
            raise damaged(address, "its extension vector was dropped")
        vectors.register_vector(connection)


def make_database(connection, address: ServerAddress) -> None:
    """Makes the empty tables of a gallery, in a transaction of the caller's.

    Raises: FileExistsError if there is a gallery; InputError if the user may not make
        one, or the server has no pgvector.
    """
    # Of two processes the slower one sees what the quicker has made.
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (0x53504647,))
    if _has_gallery(connection):
        text = os.strerror(errno.EEXIST)
        raise FileExistsError(errno.EEXIST, text, str(address))
    psycopg, _ = _drivers()
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile) as error:
        raise InputError(
            f"the server of {address} has no pgvector, PostgreSQL's extension for "
            "vectors: install it there"
        ) from error
    prepare(connection, address)
    connection.execute(_SCHEMA)


def shape_features(connection, dim: int) -> None:
    """Gives the column of features their length; it has no row, or rows of that."""
    storage = "PLAIN" if dim <= _LARGEST_IN_A_PAGE else "EXTERNAL"
    connection.execute(
        "ALTER TABLE sphereface.templates "
        f"ALTER feature TYPE vector({int(dim)}), ALTER feature SET NOT NULL, "
        f"ALTER feature SET STORAGE {storage}, ALTER feature SET STATISTICS 0"
    )


def require_gallery(connection, address: ServerAddress) -> None:
    """Refuses a database without a gallery of this version.

    Raises: NoGalleryError if it has none; InputError if that is of a newer version.
    """
    with reports_errors(address):
        if not _has_gallery(connection):
            raise NoGalleryError(
                f"no such gallery: {address}; `sphereface enroll` makes one"
            )
        found = connection.execute(
            "SELECT value FROM sphereface.facts WHERE name = 'format'"
        ).fetchone()
    if found is None or not found[0].isdecimal():
        raise damaged(address, "its tables are not those of a gallery")
    if int(found[0]) > SERVER_FORMAT:
        raise InputError(
            f"{address} is of a newer version of tf_sphereface (gallery format "
            f"{found[0]:.9}, known is {SERVER_FORMAT}); update the package"
        )


def rewrite(connection) -> None:
    """Writes the tables anew, without what deleted rows have left in their files.

    In the transaction of the deletion: the old files go with it. VACUUM FULL would keep
    rows that an older transaction of anybody may still see, and be one more thing that
    a kill can come before. To change the type of a column by an expression is the form
    of ALTER TABLE that always rewrites.
    """
    connection.execute(
        "ALTER TABLE sphereface.templates ALTER added TYPE text USING added || ''"
    )
    connection.execute(
        "ALTER TABLE sphereface.people ALTER name TYPE text USING name || ''"
    )


def _has_gallery(connection):
    row = connection.execute("SELECT to_regclass('sphereface.facts')").fetchone()
    return row[0] is not None
