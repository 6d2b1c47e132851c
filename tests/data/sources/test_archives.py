"""Tests for photos in .zip and .tar archives, which are read in place."""

import gzip
import io
import pickle
import tarfile
import zipfile

import pytest

from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.data.sources import open_photo_source
from tf_sphereface.errors import InputError


def write_zip(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path, files, form=tarfile.GNU_FORMAT):
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1_700_000_000
            archive.addfile(member, io.BytesIO(content))
    return path


WRITERS = pytest.mark.parametrize(
    ("suffix", "write"), [(".zip", write_zip), (".tar", write_tar)], ids=["zip", "tar"]
)


def read_all(source):
    reader = pickle.loads(pickle.dumps(source.reader()))
    return {name: reader.read(source.photo(name).place) for name in source.names}


def contents(out):
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*.*")
        if path.suffix == ".jpg"
    }


@WRITERS
@pytest.mark.parametrize("lead", ["", "lfw/", "data/./raw/lfw/"])
def test_leading_folders_are_stripped(tmp_path, suffix, write, lead):
    files = {"Ada/1.jpg": b"a", "Ada/2.PNG": b"", "Zoë/1.jpg": b"c" * 5000}
    packed = {lead + name: content for name, content in files.items()}
    others = {
        "README.txt": b"text",
        lead + "Ada/notes.txt": b"text",
        lead + "Ada/deeper/3.jpg": b"deeper",
        lead + ".hidden/1.jpg": b"hidden",
        "__MACOSX/Ada/._1.jpg": b"hidden",
    }
    source = open_photo_source(write(tmp_path / f"x{suffix}", packed | others))
    assert read_all(source) == files
    assert source.passed_over.count == 3


@WRITERS
def test_one_person_is_an_identity_and_no_leading_folder(tmp_path, suffix, write):
    files = {"photos/Ada/1.jpg": b"a", "photos/Ada/2.jpg": b"b"}
    source = open_photo_source(write(tmp_path / f"x{suffix}", files))
    assert source.names == ("Ada/1.jpg", "Ada/2.jpg")


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_every_zip_method_is_read(tmp_path, method):
    files = {"Ada/1.jpg": b"abc" * 999}
    source = open_photo_source(write_zip(tmp_path / "x.zip", files, method))
    assert read_all(source) == files


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_every_tar_format_is_read(tmp_path, form):
    files = {"Ada/1.jpg": b"abc" * 999, f"{'Ada' * 20}/{'1' * 60}.jpg": b"long"}
    source = open_photo_source(write_tar(tmp_path / "x.tar", files, form))
    assert read_all(source) == files


@pytest.mark.quick_cases("zip")
@WRITERS
def test_crops_are_those_of_the_unpacked_folder(tmp_path, photos, suffix, write):
    for name, content in photos.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(content)
    align_photos(tmp_path / "folder", tmp_path / "one", processes=1)
    path = write(tmp_path / f"x{suffix}", {f"a/{n}": c for n, c in photos.items()})
    copies = {f"a/Ada/copy{k}.jpg": photos["Ada/1.jpg"] for k in range(9)}
    summary = align_photos(path, tmp_path / "two", processes=1)
    assert summary.kept == len(photos)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    # In worker processes, which open the archive themselves; only what is new is done.
    write(path, {f"a/{n}": c for n, c in photos.items()} | copies)
    again = align_photos(path, tmp_path / "two", processes=2)
    assert (again.reused, again.kept) == (len(photos), len(photos) + 9)


def test_changed_member_of_the_same_size_is_aligned_again(tmp_path, photos):
    path = write_zip(tmp_path / "x.zip", photos)
    align_photos(path, tmp_path / "out", processes=1)
    changed = bytearray(photos["Ada/1.jpg"])
    changed[len(changed) // 2] ^= 1
    write_zip(path, photos | {"Ada/1.jpg": bytes(changed)})
    again = align_photos(path, tmp_path / "out", processes=1)
    assert again.reused == len(photos) - 1


@WRITERS
@pytest.mark.parametrize(
    "name", ["../Ada/1.jpg", "/etc/Ada/1.jpg", "Ada/../../1.jpg", "C:\\Ada\\1.jpg"]
)
def test_members_that_leave_the_folder_are_refused(tmp_path, suffix, write, name):
    path = write(tmp_path / f"x{suffix}", {"Ada/1.jpg": b"a", name: b"b"})
    with pytest.raises(InputError, match="must not leave its folder: .*1.jpg"):
        open_photo_source(path)


@WRITERS
def test_archive_without_people_is_named(tmp_path, suffix, write):
    path = write(tmp_path / f"x{suffix}", {"1.jpg": b"a", "notes.txt": b""})
    with pytest.raises(InputError, match="no photo in .* must hold IDENTITY/PHOTO"):
        open_photo_source(path)


@WRITERS
def test_duplicate_members_are_refused(tmp_path, suffix, write):
    path = write(tmp_path / f"x{suffix}", {"Ada/1.jpg": b"a", "Ada/2.jpg": b"b"})
    path.write_bytes(path.read_bytes().replace(b"Ada/2.jpg", b"Ada/1.jpg"))
    if suffix == ".tar":  # the header has a checksum
        with tarfile.open(path, "w") as archive:
            archive.addfile(tarfile.TarInfo("Ada/1.jpg"))
            archive.addfile(tarfile.TarInfo("Ada/1.jpg"))
    with pytest.raises(InputError, match="two members named 'Ada/1.jpg'"):
        open_photo_source(path)


def test_links_in_a_tar_are_passed_over(tmp_path):
    path = write_tar(tmp_path / "x.tar", {"Ada/1.jpg": b"a"})
    with tarfile.open(path, "a") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"Ada/{kind!r}.jpg")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    source = open_photo_source(path)
    assert (source.names, source.passed_over.count) == (("Ada/1.jpg",), 3)


def test_encrypted_zip_is_one_clear_line(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"Ada/1.jpg": b"a"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"the archive is encrypted: .*x.zip; unpack"):
        open_photo_source(path)


def test_unknown_zip_method_is_named(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"Ada/1.jpg": b"a"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 10] = 9  # deflate64
    path.write_bytes(content)
    with pytest.raises(InputError, match="'Ada/1.jpg' in .* is packed by method 9"):
        open_photo_source(path)


def test_damaged_member_costs_one_photo(tmp_path, photos):
    path = write_zip(tmp_path / "x.zip", photos, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(photos["Ada/1.jpg"]) + 500] ^= 1
    path.write_bytes(content)
    summary = align_photos(path, tmp_path / "out", processes=1)
    assert summary.dropped == {"damaged archive": 1}
    assert summary.kept == len(photos) - 1


@WRITERS
def test_truncated_archive_is_named(tmp_path, suffix, write):
    path = write(tmp_path / f"x{suffix}", {"Ada/1.jpg": b"a" * 30_000})
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 2])
    with pytest.raises(InputError, match=f"x{suffix} "):
        open_photo_source(path)


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tgz", "x.tar"])
def test_compressed_tar_is_refused_with_the_next_step(tmp_path, name):
    plain = write_tar(tmp_path / "plain.tar", {"Ada/1.jpg": b"a"}).read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(plain))
    with pytest.raises(InputError, match="compressed .* decompress it"):
        open_photo_source(tmp_path / name)


@WRITERS
def test_reader_is_small_however_many_photos(tmp_path, suffix, write):
    files = {f"Ada/{number}.jpg": b"a" for number in range(500)}
    source = open_photo_source(write(tmp_path / f"x{suffix}", files))
    reader = source.reader()
    reader.read(source.photo("Ada/7.jpg").place)
    assert len(pickle.dumps(reader)) < 500


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.REGTYPE,
        tarfile.GNUTYPE_SPARSE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.XHDTYPE,  # a header of PAX
        tarfile.XGLTYPE,
    ],
)
@pytest.mark.parametrize("size", [1 << 62, 1 << 70])
def test_a_tar_that_says_to_be_larger_than_any_disk_is_damage(tmp_path, kind, size):
    member = tarfile.TarInfo("Ada/1.jpg")
    member.size, member.type = size, kind
    (tmp_path / "x.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(InputError, match=r"(whole tar archive|truncated).*x\.tar .+"):
        open_photo_source(tmp_path / "x.tar")


@pytest.mark.parametrize("header", [{"mtime": "nan"}, {"mtime": "inf"}, {"size": "-9"}])
def test_impossible_numbers_in_a_tar_are_damage(tmp_path, header):
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("Ada/1.jpg")
        member.size, member.pax_headers = 3, header
        archive.addfile(member, io.BytesIO(b"abc"))
    with pytest.raises(InputError, match=r"x\.tar.*'Ada/1\.jpg'"):
        open_photo_source(tmp_path / "x.tar")
