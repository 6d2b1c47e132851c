"""Tests for the commands of galleries with an address in place of a file."""

import pytest

from tests.gallery.postgresql import running_server
from tests.gallery.rendered_commands import BUNDLE
from tests.gallery.rendered_people import contract
from tf_sphereface.commands.gallery import enroll, forget, identify, people


@pytest.fixture(scope="module")
def address():
    with running_server() as server:
        yield server.address


def test_from_photos_to_names_in_a_database(address, folder, call):
    ada = ("--name", "Ada", "Ada")
    _, errors = call(people, address, status=2)
    assert errors.startswith("error: no such gallery: postgresql://postgres@/")
    call(enroll, address, *BUNDLE, "--name", "Ada", "none.png", status=2)
    call(people, address, status=2)  # nothing was made
    result, _ = call(enroll, address, *BUNDLE, *ada, "--keep-crops")
    assert result == {"people": 1, "enrolled": 2, "not_taken": []}
    call(enroll, address, *BUNDLE, "--name", "Bob", "Bob")
    exact, _ = call(identify, address, *BUNDLE, "Ada/1.png", "strangers/0.png")
    assert (exact["search"], exact["templates"]) == ("exact", 4)
    assert [p["faces"][0]["name"] for p in exact["photos"]] == ["Ada", None]

    approximate = (identify, address, *BUNDLE, "Ada/1.png", "--approximate")
    _, errors = call(*approximate, status=2)
    assert "build one with: sphereface people GALLERY --hnsw build" in errors
    result, _ = call(people, address, "--hnsw", "build")
    assert result["hnsw"]["probes"] == 4 and result["hnsw"]["recall_at_1"] == 1
    assert call(people, address, "--hnsw", "measure")[0] == result
    result, _ = call(*approximate)
    assert result["search"] == "approximate"
    assert result["photos"][0]["faces"][0]["name"] == "Ada"
    assert call(people, address, "--hnsw", "drop")[0]["hnsw"] == "none"
    call(*approximate, status=2)

    call(people, address, "--export", "file")
    call(people, "gallery", "--import", "file")
    result, _ = call(people, "gallery")
    assert result == call(people, address)[0] and not result["encrypted"]
    again = ("--re-embed", "bundle", "--variant", "int8")
    assert call(people, address, *again)[0]["embedded_again"] == 4
    _, errors = call(
        identify, address, *BUNDLE, "Ada/1.png", "--variant", "none", status=2
    )
    assert "templates are of another bundle" in errors
    result, _ = call(forget, address, "Ada", "Bob")
    assert result == {"people_deleted": 2, "templates_deleted": 4}


def test_bad_addresses_are_one_line_without_the_password(folder, call):
    pytest.importorskip("psycopg")
    cases = [
        (
            "postgresql://u:my-pw@127.0.0.1:1/d",
            "no use of postgresql://u@127.0.0.1:1/d",
        ),
        ("postgresql://u:my-pw@x@127.0.0.1:1/d", "must be postgresql://USER@HOST"),
    ]
    for address, message in cases:
        for command, *rest in (
            (people,),
            (forget, "Ada"),
            (identify, *BUNDLE, "Ada/0.png"),
            (enroll, *BUNDLE, "--name", "Ada", "Ada/0.png"),
        ):
            _, errors = call(command, address, *rest, status=2)
            assert errors.startswith("error: ") and errors.count("\n") == 1
            assert message in errors and "my-pw" not in errors


def test_options_of_databases_are_refused_for_files(folder, call):
    call(enroll, "g", *BUNDLE, "--name", "Ada", "Ada/0.png")
    _, errors = call(people, "g", "--hnsw", "build", status=2)
    assert errors == "error: --hnsw is for galleries in PostgreSQL\n"
    _, errors = call(identify, "g", *BUNDLE, "Ada/0.png", "--approximate", status=2)
    assert "g is a file, and searched exactly" in errors


def test_another_bundle_is_refused(address, folder, call, monkeypatch):
    call(enroll, address, *BUNDLE, "--name", "Ada", "Ada/0.png")
    other = contract(landmark_fit="photo")

    class Other:
        contract = other

    monkeypatch.setattr("tf_sphereface.bundle.bundle.load_bundle", lambda *_: Other)
    for command, *rest in ((identify,), (enroll, "--name", "Bob")):
        _, errors = call(command, address, *BUNDLE, *rest, "Ada/1.png", status=2)
        assert "the gallery's templates are of another bundle" in errors
