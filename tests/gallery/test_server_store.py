"""Tests for tf_sphereface.gallery.server_store, server_database and server_index."""

import contextlib
import sys
import threading

import numpy as np
import pytest

from tests.gallery.postgresql import running_server
from tests.gallery.small_galleries import DIM, QUALITY, identity, template
from tf_sphereface.errors import InputError
from tf_sphereface.gallery import export_gallery, import_gallery, server_index
from tf_sphereface.gallery.address import parse_place
from tf_sphereface.gallery.places import UnmadeStore, make_gallery, open_store
from tf_sphereface.gallery.records import GalleryError, NoGalleryError
from tf_sphereface.gallery.server_database import reports_errors
from tf_sphereface.gallery.store import GalleryStore


@pytest.fixture(scope="module")
def server():
    with running_server() as server:
        yield server


@pytest.fixture
def place(server):
    server.run("DROP SCHEMA IF EXISTS sphereface CASCADE")
    return server.address


def new_store(place, people=(), **options):
    make_gallery(place, identity(), people=people, **options)
    return open_store(place)


def names(store):
    return [person.name for person in store.people()]


def test_what_was_added_is_there_after_reopening(place):
    kept = template(1, quality=QUALITY, crop=b"png")
    with new_store(place, keep_crops=True) as store:
        store.add("Zoë", [kept, template(2, source="a\udcff")])
        store.add("Ada", [template(3, added="2026-12-01T00:00:00Z")])
        store.add("Zoe\u0308", [template(4)])  # the other spelling of one name
        store.add("Nobody", [])
    with open_store(place) as store:
        found = [(p.name, p.templates, p.first, p.last) for p in store.people()]
        first, second, _ = store.templates("Zoë")
        assert (store.identity, store.size()) == (identity(), 4)
    noon, midnight = "2026-11-30T12:00:00Z", "2026-12-01T00:00:00Z"
    assert found == [("Ada", 1, midnight, midnight), ("Zoë", 3, noon, noon)]
    assert first.feature.tobytes() == kept.feature.tobytes()
    assert (first.source, first.quality, first.crop) == (kept.source, QUALITY, b"png")
    assert (second.source, second.quality, second.crop) == ("a?", None, None)


def test_a_gallery_is_made_with_its_first_people_or_not_at_all(place, server):
    good, bad = ("Ada", [template(1)]), ("Bob", [template(2, feature=np.zeros(DIM))])
    with pytest.raises(InputError, match="finite and not zero"):
        make_gallery(place, identity(), people=[good, bad])
    with pytest.raises(NoGalleryError, match="no such gallery: postgresql://postgres@"):
        open_store(place)
    slow = UnmadeStore(parse_place(place), identity())
    new_store(place, [good]).close()
    with pytest.raises(FileExistsError):
        make_gallery(place, identity(), people=[good])
    slow.made_with([("Bob", [template(2)])]).close()
    with open_store(place) as store:
        assert names(store) == ["Ada", "Bob"]


def test_a_database_gives_the_answers_of_a_file(place, path):
    """10,000 templates. Of people who are alike to 1e-6 either may come first."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(2500, DIM))
    people = [
        (
            f"person {number}",
            [
                template(0, feature=direction + 0.5 * rng.normal(size=DIM))
                for _ in range(4)
            ],
        )
        for number, direction in enumerate(directions)
    ]
    make_gallery(path, identity(), people=people)
    probes = directions[:40] + 0.5 * rng.normal(size=(40, DIM))
    with new_store(place, people) as ours, GalleryStore(path) as theirs:
        assert ours.size() == theirs.size() == 10_000
        for rule in ("best", "mean", "top-k"):
            for probe in probes:
                found = ours.nearest(probe, rule, 2, most=5)
                wanted = theirs.nearest(probe, rule, 2, most=5)
                scores = np.array([[c.score for c in each] for each in (found, wanted)])
                np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)
                for mine, other in zip(found, wanted, strict=True):
                    tied = (abs(scores[1] - other.score) < 1e-6).sum() > 1
                    assert mine.name == other.name or tied, (rule, mine, other)


def test_a_gallery_moves_from_a_file_to_a_database_and_back(place, path, tmp_path):
    people = [("Ada", [template(1, quality=QUALITY), template(2)])]
    make_gallery(path, identity(), people=people)
    with GalleryStore(path) as store, new_store(place) as other:
        export_gallery(store, tmp_path / "people.json")
        assert import_gallery(other, tmp_path / "people.json") == 2
        assert import_gallery(other, tmp_path / "people.json") == 0
        export_gallery(other, tmp_path / "again.json")
    first, again = (tmp_path / name for name in ("people.json", "again.json"))
    assert first.read_bytes() == again.read_bytes()


def in_threads(*works):
    errors = []

    def run(work):
        try:
            work()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors and not any(thread.is_alive() for thread in threads)


def test_many_write_and_read_at_once(place):
    """The same people in opposite orders, while others search and delete."""
    new_store(place, [("Somebody", [template(0)])]).close()
    several = [f"person {number}" for number in range(6)]
    done = threading.Event()

    def writer(order, seed):
        with open_store(place) as store:
            for turn in range(15):
                store.add_people([(n, [template(seed + turn)]) for n in order])

    def reader():
        with open_store(place) as store:
            while not done.is_set():
                assert store.nearest(template(0).feature)[0].name == "Somebody"
                assert "Somebody" in names(store)

    def deleter():
        with open_store(place) as store:
            for turn in range(8):
                store.add("Temporary", [template(900 + turn)])
                assert store.forget("Temporary") == 1

    reading = threading.Thread(target=reader)
    reading.start()
    try:
        in_threads(
            lambda: writer(several, 100), lambda: writer(several[::-1], 200), deleter
        )
    finally:
        done.set()
        reading.join()
    with open_store(place) as store:
        found = {person.name: person.templates for person in store.people()}
    assert found == {"Somebody": 1} | dict.fromkeys(several, 30)


def test_who_was_deleted_is_in_no_file_of_a_table(place, server):
    """Though somebody's older transaction could still see the rows."""
    import psycopg

    mine = [template(n, crop=b"my picture" * 3000) for n in range(3)]
    rest = [("Somebody Else", [template(n) for n in range(100, 400)])]
    people = [*rest, ("Ada Lovelace", mine)]
    with new_store(place, people, keep_crops=True) as store:
        server_index.build_index(store.connection, store.place)
        server.run("ANALYZE")
        held = server.held()
        assert b"Ada Lovelace" in held and numbers_of(mine[0]) in held
        with psycopg.connect(server.address) as reader:
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT count(*) FROM pg_class")
            assert store.forget("Ada Lovelace", "Ada Lovelace") == 3
        held = server.held()
        assert names(store) == ["Somebody Else"] and store.size() == 300
        for each in mine:
            assert numbers_of(each) not in held and each.source.encode() not in held
        assert b"Ada Lovelace" not in held and b"ada lovelace" not in held
        assert b"my picture" not in held
        assert numbers_of(template(100)) in held
        with pytest.raises(InputError, match="nobody is called 'Ada Lovelace'"):
            store.forget("Somebody Else", "Ada Lovelace")
        assert store.size() == 300


def numbers_of(template_):
    return template_.feature.tobytes()[:32]


def test_features_of_another_bundle_take_the_place_of_all_or_none(place, server):
    other = identity(features="3" * 64, feature_dim=8)
    new = np.random.default_rng(5).normal(size=(2, 8)).astype(np.float32)
    people = [("Ada", [template(1, crop=b"a"), template(2, crop=b"b")])]
    with new_store(place, people, keep_crops=True) as store, open_store(place) as older:
        server_index.build_index(store.connection, store.place)
        with pytest.raises(InputError, match="numbers. Received"):
            store.replace_features(other, lambda crops: new[:, :7])
        assert (
            store.templates("Ada")[1].feature.tolist() == template(2).feature.tolist()
        )
        crops = []
        assert store.replace_features(other, lambda c: crops.extend(c) or new) == 2
        assert crops == [b"a", b"b"]
        found = [t.feature.tolist() for t in store.templates("Ada")]
        assert found == new.tolist() and store.nearest(new[0])[0].name == "Ada"
        store.search_approximately()
        assert store.nearest(new[1])[0].score == pytest.approx(1)
        assert numbers_of(template(1)) not in server.held()
        for use in (
            lambda: older.add("Bob", [template(3)]),
            lambda: older.forget("Ada"),
        ):
            with pytest.raises(InputError, match="embedded again by another"):
                use()
        store.add("Bob", [template(3, feature=new[0])])
        with pytest.raises(InputError, match="1 of 3 templates .* have no crop"):
            store.replace_features(identity(), lambda crops: new)
    server.run("UPDATE sphereface.facts SET value = replace(value, '3333', '4444')")
    with contextlib.closing(older), pytest.raises(InputError, match="no use of"):
        older.nearest(template(1).feature)


def test_a_reader_notices_that_features_are_other_ones(place, server):
    with new_store(place, [("Ada", [template(1)])]) as store:
        server.run("UPDATE sphereface.facts SET value = replace(value, '2222', '4444')")
        with pytest.raises(InputError, match="embedded again by another"):
            store.nearest(template(1).feature)


def test_recall_is_measured_against_exact_searches(place, monkeypatch):
    people = [(f"person {n}", [template(n)]) for n in range(600)]
    with new_store(place, people) as store:
        with pytest.raises(InputError, match="has no index for approximate searches"):
            store.search_approximately()
        with pytest.raises(InputError, match="has no index for approximate searches"):
            server_index.measure_recall(store.connection, store.place)
        exact = [store.nearest(template(n).feature, most=2) for n in range(20)]
        server_index.build_index(store.connection, store.place)
        measured = server_index.measure_recall(store.connection, store.place, 50)
        assert (measured.templates, measured.probes) == (600, 50)
        assert measured.recall_at_1 > 0.9 and measured.recall_at_10 > 0.9
        assert [store.nearest(template(n).feature, most=2) for n in range(20)] == exact
        store.search_approximately()
        found = [store.nearest(template(n).feature, most=2) for n in range(20)]
        assert [c[0].name for c in found] == [f"person {n}" for n in range(20)]
        with pytest.raises(InputError, match="by the best template alone"):
            store.nearest(template(1).feature, "mean")
        # An index of which one template is looked at finds the probe itself at most.
        monkeypatch.setattr(server_index, "LOOKED_AT", 1)
        poor = server_index.measure_recall(store.connection, store.place, 50)
        assert poor.recall_at_10 < 0.5
        server_index.drop_index(store.connection, store.place)
        assert not server_index.has_index(store.connection, store.place)


def test_files_are_searched_exactly(path):
    make_gallery(path, identity(), people=[("Ada", [template(1)])])
    with (
        GalleryStore(path) as store,
        pytest.raises(InputError, match="is a file, and searched exactly"),
    ):
        store.search_approximately()


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_features_beyond_the_arithmetic_of_the_server_are_refused(place, scale):
    feature = template(1).feature * np.float32(scale)
    with new_store(place) as store:
        with pytest.raises(InputError, match="must have a length of 1e-15 to 1e"):
            store.add("Ada", [template(1, feature=feature)])
        store.add("Ada", [template(1)])
        assert store.nearest(feature)[0].score == pytest.approx(1)


def test_what_is_no_gallery_of_this_version_is_refused(place, server):
    new_store(place).close()
    cases = [
        ("UPDATE sphereface.facts SET value = '2' WHERE name = 'format'", "newer vers"),
        ("DELETE FROM sphereface.facts WHERE name = 'identity'", "damaged gallery"),
        ("UPDATE sphereface.facts SET value = 'x' WHERE name = 'identity'", "damaged"),
        ("UPDATE sphereface.facts SET value = 'x' WHERE name = 'format'", "damaged"),
        ("ALTER TABLE sphereface.facts RENAME value TO other", "damaged gallery"),
        ("DROP EXTENSION vector CASCADE", "its extension vector was dropped"),
        ("DROP SCHEMA sphereface CASCADE", "no such gallery"),
    ]
    for statement, message in cases:
        server.run("DROP SCHEMA IF EXISTS sphereface CASCADE")
        new_store(place).close()
        server.run(statement)
        with pytest.raises(InputError, match=message) as error:
            open_store(place)
        assert "\n" not in str(error.value)
    new_store(place, [("Ada", [template(1)])]).close()
    server.run("ALTER TABLE sphereface.templates RENAME feature TO other")
    with open_store(place) as store, pytest.raises(InputError, match="damaged gallery"):
        store.nearest(template(1).feature)


def test_a_server_that_does_not_answer_is_one_line(place, server):
    with new_store(place) as store:
        server.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'sphereface'"
        )
        with pytest.raises(GalleryError, match="no use of postgresql://.*terminat"):
            store.add("Ada", [template(1)])
        with pytest.raises(InputError, match="no use of postgresql://"):
            store.people()
    for address in (
        "postgresql://ada:my-secret@127.0.0.1:1/people",
        "postgresql:///people?host=/nowhere&password=my-secret",
    ):
        with pytest.raises(InputError, match="no use of postgresql://") as error:
            open_store(address)
        assert "\n" not in str(error.value) and "my-secret" not in str(error.value)


def test_a_wrong_password_and_missing_rights_are_told(place, server):
    with pytest.raises(InputError, match="password authentication failed") as error:
        open_store(server.address_of("locked", "my-secret"))
    assert "my-secret" not in str(error.value)
    mine = server.address_of("locked", "secret")
    with pytest.raises(NoGalleryError):
        open_store(mine)
    with pytest.raises(InputError, match="permission denied"):
        make_gallery(mine, identity())
    new_store(place, [("Ada", [template(1)])]).close()
    with pytest.raises(InputError, match="permission denied"):
        open_store(mine)
    server.run(
        "GRANT USAGE ON SCHEMA sphereface TO locked",
        "GRANT SELECT ON ALL TABLES IN SCHEMA sphereface TO locked",
    )
    with open_store(mine) as store:
        assert store.nearest(template(1).feature)[0].name == "Ada"
        with pytest.raises(InputError, match="permission denied"):
            store.add("Bob", [template(2)])
        with pytest.raises(InputError, match="permission denied"):
            store.forget("Ada")
    server.run("GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA sphereface TO locked")
    with open_store(mine) as store:
        store.add_people([("Ada", [template(2)]), ("Bob", [template(3)])])
    # All rows, but not the tables, which an owner alone writes anew.
    server.run("GRANT DELETE ON ALL TABLES IN SCHEMA sphereface TO locked")
    with open_store(mine) as store:
        with pytest.raises(InputError, match="must be owner"):
            store.forget("Ada")
        assert names(store) == ["Ada", "Bob"] and store.size() == 3


def test_a_key_and_a_full_disk_are_told(place):
    import psycopg

    with pytest.raises(InputError, match="a key was given, but .* takes none"):
        make_gallery(place, identity(), b"0123456789abcdef")
    new_store(place).close()
    with pytest.raises(InputError, match="a key was given, but .* takes none"):
        open_store(place, b"0123456789abcdef")
    full = pytest.raises(OSError, match="No space left")
    with full, reports_errors(parse_place(place)):
        raise psycopg.errors.DiskFull("could not extend file")


def test_packages_that_are_missing_are_named(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InputError, match="tf-sphereface\\[postgresql\\]"):
        open_store(place)


def test_options_that_are_none_are_refused(place):
    with pytest.raises(InputError, match="none of PostgreSQL's") as error:
        open_store("postgresql://u:my-pw@h/d?pasword=my-pw")
    assert "my-pw" not in str(error.value)
