"""Tests for tf_sphereface.gallery.store and database: kept, refused, deleted."""

import shutil
import sqlite3
import stat
import threading

import numpy as np
import pytest

from tests.gallery.small_galleries import (
    DIM,
    QUALITY,
    SECRET,
    contents,
    identity,
    new_store,
    template,
)
from tf_sphereface.errors import InputError
from tf_sphereface.gallery import database
from tf_sphereface.gallery.places import UnmadeStore, make_gallery
from tf_sphereface.gallery.store import GalleryStore


def edit(path, *statements):
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_what_was_added_is_there_after_reopening(path, secret):
    kept = template(1, quality=QUALITY, crop=b"png")
    with new_store(path, secret, keep_crops=True) as store:
        store.add("Zoë", [kept, template(2)])
        store.add("Ada", [template(3, added="2026-12-01T00:00:00Z")])
        store.add("Zoe\u0308", [template(4)])  # the other spelling of one name
        store.add("Nobody", [])
    with GalleryStore(path, secret) as store:
        found = [(p.name, p.templates, p.first, p.last) for p in store.people()]
        first, *_ = store.templates("Zoë")
        assert store.identity == identity()
    noon, midnight = "2026-11-30T12:00:00Z", "2026-12-01T00:00:00Z"
    assert found == [("Ada", 1, midnight, midnight), ("Zoë", 3, noon, noon)]
    np.testing.assert_array_equal(first.feature, kept.feature)
    assert (first.source, first.quality, first.crop) == (kept.source, QUALITY, b"png")


def test_a_gallery_is_made_with_its_first_people_or_not_at_all(path, secret):
    good, bad = ("Ada", [template(1)]), ("Bob", [template(2, feature=np.zeros(DIM))])
    with pytest.raises(InputError, match="finite and not zero"):
        make_gallery(path, identity(), secret, people=[good, bad])
    assert not list(path.parent.iterdir())
    make_gallery(path, identity(), secret, people=[good])
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with GalleryStore(path, secret) as store:
        assert [person.name for person in store.people()] == ["Ada"]


def test_the_quicker_process_makes_the_gallery(path):
    slow = UnmadeStore(path, identity())
    other = UnmadeStore(path, identity(features="9" * 64))
    new_store(path).close()
    slow.made_with([("Ada", [template(1)])]).close()
    with pytest.raises(InputError, match="has made .* of another bundle"):
        other.made_with([("Bob", [template(2)])])
    with GalleryStore(path) as store:
        assert [person.name for person in store.people()] == ["Ada"]


def test_crops_are_not_kept_unasked(path):
    with new_store(path) as store:
        store.add("Ada", [template(1, crop=b"png")])
        assert store.templates("Ada")[0].crop is None


def test_files_are_for_their_owner_alone(path, secret):
    with new_store(path, secret) as store:
        store.add("Ada", [template(1)])
        files = [f for f in path.parent.iterdir() if f.name.startswith(path.name)]
        assert len(files) == 3  # with log and index of the log
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert list(path.parent.iterdir()) == [path]


def test_a_gallery_is_not_made_over_another(path):
    new_store(path).close()
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        make_gallery(path, identity(feature_dim=3))
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="no such folder"):
        make_gallery(path / "below", identity())


@pytest.mark.parametrize(
    "feature",
    [np.zeros(DIM), np.full(DIM, np.nan), np.ones(DIM + 1), np.ones((DIM, 1))],
)
def test_nothing_of_a_call_with_an_unusable_feature_is_kept(path, feature):
    with new_store(path) as store:
        with pytest.raises(InputError, match="feature"):
            store.add("Ada", [template(1), template(2, feature=feature)])
        assert store.people() == []


@pytest.mark.parametrize("name", ["", " Ada", "a\nb", "a" * 201, "\x1b[1m"])
def test_names_that_are_none_are_refused(path, name):
    with new_store(path) as store:
        with pytest.raises(InputError, match="a name must have"):
            store.add(name, [template(1)])
        assert store.people() == []


def test_readers_see_what_another_process_adds_and_deletes(path):
    with new_store(path) as writer, GalleryStore(path) as reader:
        writer.add("Ada", [template(1)])
        assert reader.matrix().names == ["Ada"]
        assert reader.matrix() is reader.matrix()  # read once
        writer.add("Bob", [template(2)])
        assert reader.matrix().names == ["Ada", "Bob"]
        writer.forget("Ada")
        assert reader.matrix().names == ["Bob"]


def test_one_writes_while_many_read(path):
    with new_store(path) as store:
        store.add("Ada", [template(0)])
    seen, stop = [], threading.Event()

    def read():
        with GalleryStore(path) as store:
            while not stop.is_set():
                matrix = store.matrix()
                seen.append((len(matrix), len(matrix.names)))
                stop.wait(0.001)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    with GalleryStore(path) as store:
        for number in range(1, 12):
            store.add(f"person {number}", [template(number), template(100 + number)])
    stop.set()
    for reader in readers:
        reader.join()
    # Whole transactions only: each person after the first has both templates.
    assert all(templates == 2 * people - 1 for templates, people in seen)
    assert len(seen) >= 3


def test_two_writers_wait_for_each_other_or_say_so(path, monkeypatch):
    monkeypatch.setattr(database, "_SECONDS", 0.05)
    with new_store(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="another process is writing"):
            store.add("Ada", [template(1)])
        other.execute("ROLLBACK")
        other.close()
        store.add("Ada", [template(1)])


def test_no_other_file_is_taken_for_a_gallery(path, tmp_path):
    with pytest.raises(InputError, match="no such gallery"):
        GalleryStore(path)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="damaged gallery"):
        GalleryStore(path)
    path.unlink()
    edit(path, "CREATE TABLE x (y)")
    with pytest.raises(InputError, match="not a gallery of tf_sphereface"):
        GalleryStore(path)
    with pytest.raises(InputError, match="not a file"):
        GalleryStore(tmp_path)


def test_a_newer_version_is_refused_and_left_as_it_is(path):
    new_store(path).close()
    edit(path, "PRAGMA user_version=2")
    before = path.read_bytes()
    with pytest.raises(InputError, match="newer version .* format 2, known is 1"):
        GalleryStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON people BEGIN DELETE FROM templates; END",
        "CREATE VIEW v AS SELECT * FROM people",
        "DROP TABLE facts",
        "DELETE FROM facts WHERE name = 'identity'",
        "UPDATE facts SET value = x'00' WHERE name = 'identity'",
        "UPDATE facts SET value = 5 WHERE name = 'identity'",
        "PRAGMA user_version=0",
    ],
)
def test_other_tables_and_facts_than_ours_are_refused(path, statement):
    new_store(path).close()
    edit(path, statement)
    with pytest.raises(InputError, match="damaged gallery"):
        GalleryStore(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE templates SET feature = x'00'",
        "UPDATE templates SET feature = 'text'",
        "UPDATE templates SET feature = substr(feature, 1, 8) || x'ffffffff' "
        "|| substr(feature, 13)",
        "UPDATE templates SET person = 9",
        "UPDATE templates SET person = 3 - person",
        "UPDATE people SET name = x'41'",
        "DELETE FROM people WHERE id = 1",
    ],
)
def test_rows_that_were_changed_are_told(path, secret, statement):
    with new_store(path, secret) as store:
        store.add("Ada", [template(1)])
        store.add("Bob", [template(2)])
    edit(path, statement)
    damaged = pytest.raises(InputError, match="damaged gallery")
    with GalleryStore(path, secret) as store, damaged:
        store.matrix()


def test_every_flipped_byte_is_told_or_without_effect(path):
    """Of a file that SQLite's own checks cannot always see through."""
    with new_store(path) as store:
        store.add("Ada", [template(n) for n in range(40)])
        whole = store.matrix().scores(np.eye(DIM, dtype=np.float32))
    sound, told = path.read_bytes(), 0
    for place in np.random.default_rng(0).integers(0, len(sound), 60):
        damaged = bytearray(sound)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            with GalleryStore(path) as store:
                found = store.matrix().scores(np.eye(DIM, dtype=np.float32))
            np.testing.assert_array_equal(found, whole)
        except InputError:
            told += 1
        for beside in path.parent.glob("*-*"):
            beside.unlink()
    assert told > 5


def test_a_file_that_was_cut_is_told(path):
    with new_store(path) as store:
        store.add("Ada", [template(n) for n in range(200)])
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match="damaged gallery"):
        GalleryStore(path)


def test_a_log_that_was_cut_gives_an_earlier_whole_state(path, tmp_path):
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / path.name
    with new_store(path) as store:
        for number in range(5):
            store.add("Ada", [template(number), template(100 + number)])
        shutil.copy(path, copy)
        log = (path.parent / f"{path.name}-wal").read_bytes()
    (tmp_path / "copy" / f"{path.name}-wal").write_bytes(log[: len(log) * 2 // 3])
    with GalleryStore(copy) as store:
        size = len(store.matrix())
    assert size % 2 == 0 and 0 < size < 10


def test_keys_open_what_they_closed_only(path):
    pytest.importorskip("cryptography")
    with new_store(path, SECRET) as store:
        store.add("Ada Lovelace", [template(1)])
        held = contents(path)
    assert b"Ada" not in held and template(1).feature.tobytes()[:16] not in held
    assert b"source-1" not in held
    with pytest.raises(InputError, match="not the key of"):
        GalleryStore(path, SECRET[::-1])
    with pytest.raises(InputError, match="is encrypted: give its key"):
        GalleryStore(path)
    path.unlink()
    new_store(path).close()
    with pytest.raises(InputError, match="is not encrypted, but a key was given"):
        GalleryStore(path, SECRET)


def test_a_full_disk_keeps_what_was_there(path):
    with new_store(path) as store:
        store.add("Ada", [template(1)])
        store._database.execute("PRAGMA max_page_count=1")  # no page more than now
        with pytest.raises(OSError, match="No space left"):
            store.add("Bob", [template(n) for n in range(2000)])
        assert [person.name for person in store.people()] == ["Ada"]
    with GalleryStore(path) as store:
        assert [person.name for person in store.people()] == ["Ada"]


def test_features_of_another_bundle_take_the_place_of_all_or_none(path):
    other = identity(features="3" * 64)
    new = [template(n).feature for n in (7, 8)]
    with new_store(path, keep_crops=True) as store:
        store.add("Ada", [template(1, crop=b"a"), template(2, crop=b"b")])
        with GalleryStore(path) as reader:
            assert store.replace_features(other, lambda crops: new) == 2
            with pytest.raises(InputError, match="embedded again by another"):
                reader.matrix()
            with pytest.raises(InputError, match="embedded again by another"):
                reader.add("Bob", [template(3)])
        assert store.identity == other
        found = [t.feature.tolist() for t in store.templates("Ada")]
        assert found == [feature.tolist() for feature in new]
        assert template(1).feature.tobytes() not in contents(path)
        store.add("Bob", [template(3)])
        with pytest.raises(InputError, match="1 of 3 templates .* have no crop"):
            store.replace_features(identity(), lambda crops: new)
    with GalleryStore(path) as store:
        assert store.identity == other
