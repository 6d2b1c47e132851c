"""Tests for tf_sphereface.text_lists."""

import csv

import pytest

from tf_sphereface.data.aligned.crop_exclusions import read_crop_exclusions
from tf_sphereface.data.aligned.manifest import (
    ManifestRow,
    photos_of_crops,
    read_manifest_rows,
    write_manifest_rows,
)
from tf_sphereface.data.photos.exclusions import read_identity_list
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.cleaning.findings import Finding, write_clean_list
from tf_sphereface.text_lists import (
    csv_fields,
    csv_lines,
    is_number,
    list_text,
    numbered_lines,
    spreadsheet_cell,
    text_of_cell,
)

# Python's str.splitlines breaks at each of these; a name may hold them.
NO_LINE_BREAKS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "list.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_break", [b"\n", b"\r\n", b"\r"])
def test_lines_are_numbered_as_in_an_editor(write, mark, line_break):
    lines = [b" Ann\t1 ", b"", b" \t", "Zoë".encode()]
    for end in (b"", line_break):
        path = write(mark + line_break.join(lines) + end)
        assert list(numbered_lines(path, "x")) == [(1, " Ann\t1 "), (4, "Zoë")]


def test_only_the_first_byte_order_mark_is_one(write):
    assert list_text(write("\ufeff\ufeffa"), "x") == "\ufeffa"


@pytest.mark.parametrize("content", ["", "\ufeff", "\n\r\n", " \n"])
def test_list_of_nothing_has_no_lines(write, content):
    assert list(numbered_lines(write(content), "x")) == []
    assert list(csv_lines(write(content), "x")) == []


def test_no_other_character_breaks_a_line(write):
    names = [f"a{character}b" for character in NO_LINE_BREAKS]
    path = write("\n".join(names))
    assert list(numbered_lines(path, "x")) == list(enumerate(names, start=1))
    assert read_identity_list(path) == names
    rows = "".join(f"{name},yes\n" for name in names)
    assert read_crop_exclusions(write(f"crop,drop\n{rows}")) == set(names)


def test_lists_that_cannot_be_read_are_named(write, tmp_path):
    with pytest.raises(InputError, match=r"^no such list of pairs: .*none\.txt$"):
        list(numbered_lines(tmp_path / "none.txt", "pairs"))
    with pytest.raises(InputError, match=r"^cannot read pairs: .* \(Is a directory\)$"):
        list_text(tmp_path, "pairs")
    # The byte of the file, whatever stands at its beginning.
    for mark in (b"", b"\xef\xbb\xbf"):
        path = write(mark + b"a\r\nb\xe9\n")
        place = rf"list\.txt \(byte {len(mark) + 4}\)$"
        with pytest.raises(InputError, match=f"list of pairs must be UTF-8.*{place}"):
            list(csv_lines(path, "pairs"))


def test_fields_of_csv_are_told_with_their_place(write):
    path = write('a , b\n\n"x, ""y""",\n')
    assert list(csv_lines(path, "x")) == [
        (f"{path} line 1", ["a", "b"]),
        (f"{path} line 3", ['x, "y"', ""]),
    ]


def test_line_that_is_no_csv_is_named(write):
    with pytest.raises(InputError, match=r"^not a line of CSV \(unexpected end"):
        csv_fields('"a')
    lines = csv_lines(write('a\n"b\n'), "x")
    assert next(lines)[1] == ["a"]
    with pytest.raises(InputError, match=r"list\.txt line 2: not a line of CSV"):
        next(lines)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("0", True),
        ("007", True),
        ("9" * 18, True),
        ("9" * 19, False),  # more than int64 may hold
        ("", False),
        ("-1", False),
        ("+1", False),
        (" 1", False),
        ("1_0", False),
        ("1.0", False),
        ("²", False),
        ("٣", False),  # a digit, but none of ASCII
    ],
)
def test_numbers_are_ascii_digits_of_64_bits(field, expected):
    assert is_number(field) is expected


def test_names_of_identities_have_no_blanks_around_them(write):
    assert read_identity_list(write(" Ann Lee\t\n\nZoë \r\n")) == ["Ann Lee", "Zoë"]


FORMULAS = ["=1+1", "+1", "-1", "@a", "\t=1", "'=1", "''@a", "=cmd|' /C calc'!A0"]
PLAIN = ["", "a", "a=1", "'t Hooft/1.jpg", "'", "5", " =1", "O'Neil"]


@pytest.mark.parametrize("text", FORMULAS + PLAIN)
def test_a_cell_is_no_formula_and_comes_back(text):
    cell = spreadsheet_cell(text)
    assert text_of_cell(cell) == text
    assert cell[:1] not in tuple("=+-@\t\r")
    assert (cell == text) == (text in PLAIN)


def test_lists_of_names_that_are_formulas_come_back(tmp_path):
    names = [f"{name}/{name}.jpg" for name in ("=1+1", "@a", "'=b", "'t Hooft")]
    rows = {
        name: ManifestRow(name, name.split("/")[0], "kept", crop=name, box=(1,) * 4)
        for name in names
    }
    write_manifest_rows(tmp_path, rows)
    assert sorted(read_manifest_rows(tmp_path)) == sorted(names)
    assert photos_of_crops(tmp_path) == {name: name for name in names}
    found = [
        Finding("outlier", name, name.split("/")[0], 0.1, "+other", 0.2, "", True)
        for name in names
    ]
    write_clean_list(found, tmp_path / "clean.csv")
    assert read_crop_exclusions(tmp_path / "clean.csv") == set(names)
    for name in ("manifest.csv", "clean.csv"):
        with open(tmp_path / name, newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
