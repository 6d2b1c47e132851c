"""The SQLite file of a gallery: opened, checked, and erased for good."""

import contextlib
import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from tf_sphereface.errors import InputError, ResultError
from tf_sphereface.files import scratch_folder, sync
from tf_sphereface.gallery.records import GalleryError, NoGalleryError
from tf_sphereface.renames import rename_new

APPLICATION_ID = 0x53504647  # "SPFG", in the file's header
SCHEMA_VERSION = 1
# Numbers above all that were there are given to new rows: what is sealed for the place
# of a template fits no later one.
_SCHEMA = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "lookup BLOB NOT NULL UNIQUE, name BLOB NOT NULL)",
    "CREATE TABLE templates (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "person INTEGER NOT NULL REFERENCES people, feature BLOB NOT NULL, "
    "source BLOB NOT NULL, added TEXT NOT NULL, quality TEXT, crop BLOB)",
    "CREATE INDEX templates_of_person ON templates (person)",
)
_SETTINGS = (
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "foreign_keys=ON",
    "synchronous=FULL",
    "fullfsync=ON",  # macOS: fsync alone does not reach the disk there
    "checkpoint_fullfsync=ON",
    "secure_delete=ON",
    "temp_store=MEMORY",  # no copy of a template in a file elsewhere
)
_SECONDS = 30.0  # for which another process is waited for
_CAUSES = {
    sqlite3.SQLITE_BUSY: "another process is writing to it; try again",
    sqlite3.SQLITE_LOCKED: "another process is writing to it; try again",
    sqlite3.SQLITE_CANTOPEN: "it, or a file beside it, cannot be opened",
    sqlite3.SQLITE_READONLY: "it, or its folder, is read-only",
    sqlite3.SQLITE_PERM: "it may not be read",
    sqlite3.SQLITE_IOERR: "the disk gives errors",
}


@contextlib.contextmanager
def reports_errors(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into one line each.

    Raises: GalleryError if the file is damaged or not to be used; OSError if the disk
        is full, and nothing of the transaction is kept then.
    """
    try:
        yield
    except sqlite3.Error as error:
        if not hasattr(error, "sqlite_errorcode"):  # a defect of ours, such as misuse
            raise
        code = error.sqlite_errorcode & 0xFF
        if _is_full(error):
            text = os.strerror(errno.ENOSPC)
            raise OSError(errno.ENOSPC, text, str(path)) from error
        if code in _CAUSES:
            raise GalleryError(f"no use of {path}: {_CAUSES[code]}") from error
        raise damaged(path, error) from error


def _is_full(error):
    # The index of the log is written before the log.
    full = sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE
    return error.sqlite_errorcode in full


def damaged(place: object, reason: object) -> GalleryError:
    """The error of a gallery with content that nobody wrote."""
    return GalleryError(
        f"damaged gallery: {place} ({reason}); take a copy of it, or enrol again"
    )


def require_folder(path: Path) -> None:
    """Refuses a place in a folder that is not there.

    Raises: InputError.
    """
    if not path.parent.is_dir():
        raise InputError(f"no such folder: {path.parent}")


def make_database(
    path: Path, facts: dict[str, bytes], fill: Callable[[Path], None] | None = None
) -> None:
    """Makes a gallery; it is whole or not there. Mode 600.

    Args:
        path: The file to be, in a folder that exists.
        facts: Rows of the table `facts`.
        fill: Writes people into a file that is not yet in its place.

    Raises: FileExistsError if there is one; InputError if there is no such folder; as
        `fill`.
    """
    require_folder(path)
    with scratch_folder(path.parent) as folder, reports_errors(path):
        made = folder / "gallery"
        os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with contextlib.closing(_connect(made)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                database.execute(statement)
            database.execute(f"PRAGMA application_id={APPLICATION_ID}")
            database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            database.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
            database.execute("COMMIT")
        if fill is not None:
            fill(made)
        sync(made)
        rename_new(made, path)
        sync(path.parent)


def open_database(path: Path) -> sqlite3.Connection:
    """Opens a gallery of this version after a look at all of it.

    A deletion that a process did not finish, since it was killed, is finished.

    Raises: NoGalleryError if there is none; InputError if it is damaged, of a newer
        version, or another program's; its schema must be ours, since triggers are
        programs.
    """
    if not os.path.lexists(path):
        raise NoGalleryError(f"no such gallery: {path}; `sphereface enroll` makes one")
    if not path.is_file():
        raise InputError(f"not a file: {path}")
    with reports_errors(path):
        database = _connect(path)
        try:
            _check(database, path)
            database.execute("PRAGMA journal_mode=WAL")
            if is_erasing(database):
                with contextlib.suppress(ResultError, sqlite3.OperationalError):
                    erase(database, path)
        except BaseException:
            database.close()
            raise
    return database


def _connect(path):
    address = f"file:{quote(os.fsencode(path.absolute()))}?mode=rw"
    # Transactions are begun by us; one thread at a time is the caller's promise.
    database = sqlite3.connect(
        address,
        uri=True,
        timeout=_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    # A damaged text must not be an error of another kind.
    database.text_factory = lambda content: content.decode(errors="replace")
    try:
        for setting in _SETTINGS:
            database.execute(f"PRAGMA {setting}")
    except BaseException:
        database.close()
        raise
    return database


def _check(database, path):
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise InputError(f"not a gallery of tf_sphereface: {path}")
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path} is of a newer version of tf_sphereface (gallery format {version}, "
            f"known is {SCHEMA_VERSION}); update the package"
        )
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise damaged(path, " ".join(str(verdict).split()))
    found = database.execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
    ).fetchall()
    known = {*_SCHEMA, "CREATE TABLE sqlite_sequence(name,seq)"}
    if {sql for (sql,) in found} != known or version != SCHEMA_VERSION:
        raise damaged(path, "its tables are not those of a gallery")


@contextlib.contextmanager
def transaction(database: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All that is written in the block, durable at its end, or nothing.

    Raises: InputError or OSError as `reports_errors`.
    """
    with reports_errors(path):
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def mark_erasing(database: sqlite3.Connection) -> None:
    """Says, in the transaction of a deletion, that `erase` has to follow."""
    token = secrets.token_bytes(8)  # another process may delete during an `erase`
    database.execute("INSERT OR REPLACE INTO facts VALUES ('erasing', ?)", (token,))


def is_erasing(database: sqlite3.Connection) -> bool:
    """True if a deletion was not finished."""
    return _erasing(database) is not None


def _erasing(database):
    found = database.execute("SELECT value FROM facts WHERE name = 'erasing'")
    return found.fetchone()


def erase(database: sqlite3.Connection, path: Path) -> None:
    """Removes what deleted rows have left in the file and in its log.

    The database is written anew without free pages (SQLite zeroes deleted cells, but
    moving rows between pages may leave copies), and the log is emptied.

    Raises: ResultError if another process uses the log for 30 s, or the disk is full:
        the rows are deleted, and the next one that opens the gallery goes on.
    """
    mark, hindrance = _erasing(database), f"another process is using {path}"
    try:
        database.execute("VACUUM")
        (busy, _, _) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy and mark is not None:
            database.execute(
                "DELETE FROM facts WHERE name = 'erasing' AND value = ?", mark
            )
    except sqlite3.OperationalError as error:
        if _is_full(error):
            hindrance = f"the disk has no room for a copy of {path}"
        elif error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        busy = True
    if busy:
        raise ResultError(
            f"deleted, but {hindrance}: what is left of it in the files goes when the "
            "gallery is opened the next time"
        )
