"""Tests of deletions and kills, for tf_sphereface.gallery.store and database."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest

from tests.gallery.small_galleries import contents, identity, new_store, template
from tf_sphereface.errors import InputError, ResultError
from tf_sphereface.gallery import database
from tf_sphereface.gallery.places import make_gallery
from tf_sphereface.gallery.store import GalleryStore


def test_a_deleted_person_is_in_no_file_and_in_no_matrix(path, secret):
    """Grown and shrunk before, so that SQLite has moved rows between pages."""
    with new_store(path, secret, keep_crops=True) as store:
        rest = [template(n) for n in range(100, 400)]
        mine = [template(n, crop=b"my picture" * 300) for n in range(3)]
        store.add("Somebody Else", rest[:150])
        store.add("Ada Lovelace", mine)
        store.add("Somebody Else", rest[150:])
        assert "Ada Lovelace" in store.matrix().names
        if secret is None:
            held = contents(path)
            assert b"Ada Lovelace" in held and mine[0].feature.tobytes() in held
        rows = sealed_rows(path)
        assert store.forget("Ada Lovelace") == 3
        assert store.matrix().names == ["Somebody Else"]
        assert len(store.matrix()) == 300
        assert_gone(path, mine, rows)
        # Written anew, whatever SQLite's build does with the pages of deleted rows.
        assert store._rows("PRAGMA freelist_count") == [(0,)]
        assert store._rows("PRAGMA secure_delete") == [(1,)]
        with pytest.raises(InputError, match="nobody is called 'Ada Lovelace'"):
            store.forget("Ada Lovelace")
    assert_gone(path, mine, rows)


def test_thousands_of_people_are_listed_and_deleted_at_once(path, secret):
    people = [(f"person number {n}", [template(n)]) for n in range(3000)]
    make_gallery(path, identity(), secret, people=people)
    gone, kept = people[::2], people[1::2]
    with GalleryStore(path, secret) as store:
        assert {p.name for p in store.people()} == {name for name, _ in people}
        assert store.size() == 3000
        with pytest.raises(InputError, match="nobody is called 'Nobody'"):
            store.forget(*(name for name, _ in gone), "Nobody")
        assert store.size() == 3000
        assert store.forget(*(name for name, _ in gone)) == 1500
        assert {p.name for p in store.people()} == {name for name, _ in kept}
        (first, second) = store.nearest(template(2999).feature)
        assert (first.name, first.score) == ("person number 2999", pytest.approx(1))
        assert second.name in dict(kept)
    held = contents(path)
    assert not [name for name, (t,) in gone if t.feature.tobytes() in held]


def sealed_rows(path):
    """The bytes of Ada's rows, sealed or not."""
    with GalleryStoreReader(path) as connection:
        person = min(
            connection.execute("SELECT person, count(*) FROM templates GROUP BY 1"),
            key=lambda row: row[1],
        )[0]
        query = "SELECT feature, source, crop FROM templates WHERE person = ?"
        return [value for row in connection.execute(query, (person,)) for value in row]


class GalleryStoreReader:
    def __init__(self, path):
        self._connection = sqlite3.connect(path)

    def __enter__(self):
        return self._connection

    def __exit__(self, *_):
        self._connection.close()


def assert_gone(path, templates, sealed):
    held = contents(path)
    for template_ in templates:
        assert template_.feature.tobytes() not in held
        assert template_.feature.tobytes()[8:40] not in held  # nor a part of it
        assert template_.source.encode() not in held
    assert not [value for value in sealed if value in held]
    assert b"Ada Lovelace" not in held and b"my picture" not in held


def test_an_unfinished_deletion_is_finished_by_the_next_one_who_opens(
    path, monkeypatch
):
    with new_store(path) as store:
        store.add("Ada Lovelace", [template(1)])
        store.add("Bob", [template(2)])

        def killed(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("tf_sphereface.gallery.store.erase", killed)
        with pytest.raises(KeyboardInterrupt):
            store.forget("Ada Lovelace")
        assert database.is_erasing(store._database)
    with GalleryStore(path) as store:
        assert not database.is_erasing(store._database)
        assert b"Ada Lovelace" not in contents(path)
        assert [person.name for person in store.people()] == ["Bob"]


def test_a_deletion_during_an_erasure_is_not_taken_for_erased(path):
    class Deleting:
        """Another process deletes when the log has just been emptied."""

        def execute(self, statement, *values):
            found = store._database.execute(statement, *values)
            if "wal_checkpoint" in statement:
                database.mark_erasing(other._database)
            return found

    with new_store(path) as store, GalleryStore(path) as other:
        database.mark_erasing(store._database)
        database.erase(Deleting(), path)
        assert database.is_erasing(other._database)
        database.erase(other._database, path)
        assert not database.is_erasing(store._database)


def test_a_reader_of_the_log_delays_the_erasure_only(path, monkeypatch):
    monkeypatch.setattr(database, "_SECONDS", 0.05)
    with new_store(path) as store:
        store.add("Ada Lovelace", [template(1)])
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM people").fetchone()
        with pytest.raises(ResultError, match="deleted, but another process"):
            store.forget("Ada Lovelace")
        assert store.people() == []
        reader.close()
    GalleryStore(path).close()
    assert b"Ada Lovelace" not in contents(path)


def killed(work, path, kills):
    script = os.path.join(os.path.dirname(__file__), "killed_process.py")
    done = subprocess.run(
        [sys.executable, script, work, str(path), str(kills)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_kills_of_an_enrolment_lose_nothing_that_was_acknowledged(path, kills):
    runs = killed("enrol", path, kills)
    assert len(runs) == kills and sum(len(run["told"]) for run in runs) > kills
    for before, run in zip([[], *(r["found"] for r in runs)], runs, strict=False):
        assert set(before) | set(run["told"]) <= set(run["found"])
        assert len(run["found"]) <= len(before) + len(run["told"]) + 1
        assert run["torn"] == []


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_kills_of_a_deletion_leave_nothing_that_was_deleted(path, kills):
    runs = killed("forget", path, kills)
    assert len(runs) == kills and sum(len(run["told"]) for run in runs) > 0
    for run in runs:
        assert not set(run["told"]) & set(run["found"])
        assert run["torn"] == run["left"] == []
