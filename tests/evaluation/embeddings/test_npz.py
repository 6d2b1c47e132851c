"""Tests for tf_sphereface.evaluation.embeddings.npz."""

import io
import re
import zipfile

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import EmbeddingFile, read_embeddings, write_embeddings

ROWS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
NAMES = ["Ann/1.jpg", "Ann/2.png", "José/x.jpg"]


def save(tmp_path, **arrays):
    path = tmp_path / "embeddings.npz"
    np.savez(path, **{"embeddings": ROWS, "names": np.array(NAMES), **arrays})
    return path


def test_written_file_reads_back_equal(tmp_path):
    file = EmbeddingFile(
        ROWS, NAMES, ["a", "a", "b"], mirror=True, parts={"frames": np.arange(3)}
    )
    write_embeddings(tmp_path / "x.npz", file)
    found = read_embeddings(tmp_path / "x.npz")
    np.testing.assert_array_equal(found.embeddings, ROWS)
    assert found.embeddings.dtype == np.float32
    assert (found.names, found.identities) == (tuple(NAMES), ("a", "a", "b"))
    assert (found.mirror, found.embedding_dim) == (True, 1)
    np.testing.assert_array_equal(found.parts["frames"], [0, 1, 2])
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_least_file_of_another_system_is_read(tmp_path):
    names = np.array([name.encode() for name in NAMES])
    found = read_embeddings(save(tmp_path, names=names, other=np.arange(7)))
    assert found.names == tuple(NAMES)
    assert (found.identities, found.mirror, found.embedding_dim) == (None, False, 2)


def test_photos_are_found_by_name_by_stem_and_in_either_spelling(tmp_path):
    file = read_embeddings(save(tmp_path))
    asked = ["Ann/2", "Ann/1.jpg", "Jose\u0301/x", "Ann/2.jpg", "Bob/1.jpg"]
    assert file.rows(asked) == [1, 0, 2, None, None]


def test_two_photos_of_one_stem_are_an_error_when_asked_for():
    file = EmbeddingFile(ROWS, ["a/1.jpg", "a/1.png", "a/2.jpg"])
    assert file.rows(["a/1.png", "a/2"]) == [1, 2]
    with pytest.raises(
        InputError, match=r"two embeddings for a/1: a/1.jpg and a/1.png"
    ):
        file.rows(["a/1"])


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"embeddings": ROWS[0]}, "must be floats (n, dim)"),
        ({"embeddings": ROWS.astype(int)}, "must be floats (n, dim)"),
        ({"embeddings": ROWS[:0], "names": np.array([], "U1")}, "must be floats"),
        ({"embeddings": ROWS[:2]}, "`names` must be one for each of the 2 rows"),
        ({"embeddings": ROWS * [[1], [np.nan], [1]]}, "'Ann/2.png' is not finite"),
        ({"embeddings": ROWS * [[1], [1], [1e300]]}, "'José/x.jpg' is not finite"),
        ({"names": np.array(["a/1", "a/2", "a/1"])}, "Received twice: 'a/1'"),
        ({"names": np.array(["é", "e\u0301", "x"])}, "each name must occur once"),
        ({"names": np.arange(3)}, "`names` must be text"),
        ({"names": np.array(NAMES, object)}, "must be numbers or text"),
        ({"identities": np.array(["a"])}, "`identities` must be one for each"),
        ({"frames": np.arange(2)}, "`frames` must be one for each"),
        ({"videos": np.zeros((3, 2))}, "`videos` must be (n,)"),
        ({"mirror": np.array([True])}, "`mirror` must be true or false"),
        (
            {"mirror": np.array(True), "embeddings": np.ones((3, 5))},
            "two of one length",
        ),
    ],
)
def test_what_is_no_set_of_embeddings_is_refused_in_one_line(tmp_path, arrays, reason):
    with pytest.raises(InputError, match=re.escape(reason)) as caught:
        read_embeddings(save(tmp_path, **arrays))
    assert "\n" not in str(caught.value)
    assert "embeddings.npz" in str(caught.value)


def header(shape, dtype):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1 << 50, 1 << 50), "<f4"), ((1 << 60,), "<U0"), ((4, 2), "<f4")],
)
def test_shape_that_the_file_does_not_hold_is_refused(tmp_path, shape, dtype):
    path = tmp_path / "embeddings.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("embeddings.npy", header(shape, dtype))
        archive.writestr("names.npy", header((0,), "<U1"))
    with pytest.raises(InputError, match="all of it in the file|not a whole"):
        read_embeddings(path)


def test_missing_array_and_files_that_are_no_archive_are_input_errors(tmp_path):
    np.savez(tmp_path / "half.npz", embeddings=ROWS)
    with pytest.raises(InputError, match="there must be an array `names`"):
        read_embeddings(tmp_path / "half.npz")
    with pytest.raises(InputError, match="cannot read embeddings"):
        read_embeddings(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(InputError, match="not a whole .npz file"):
        read_embeddings(tmp_path / "text.npz")


def test_every_truncation_is_an_input_error(tmp_path):
    content = save(tmp_path).read_bytes()
    for length in range(0, len(content), 41):
        (tmp_path / "cut.npz").write_bytes(content[:length])
        with pytest.raises(InputError):
            read_embeddings(tmp_path / "cut.npz")


def test_other_suffix_is_refused_and_writes_nothing(tmp_path):
    with pytest.raises(InputError, match="must end in .npz"):
        write_embeddings(tmp_path / "x.npy", EmbeddingFile(ROWS, NAMES))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["../secret/1.jpg", "/etc/1.jpg", "Ann/../../1.jpg", "a\\..\\1.jpg", ""]
)
def test_names_that_lead_out_of_the_images_are_refused(tmp_path, name):
    path = save(tmp_path, names=np.array([*NAMES[:2], name]))
    with pytest.raises(InputError, match="must be PERSON/FILE, below the folder"):
        read_embeddings(path)
