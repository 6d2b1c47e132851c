"""Tests for InsightFace's .bin sets, and for reading pickles that may be hostile."""

import io
import os
import pickle
import struct

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.commands.align import main
from tf_sphereface.data.sources import open_photo_source
from tf_sphereface.data.sources.insightface_bin import read_verification_set
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import (
    ModelEmbeddings,
    evaluate_verification,
    read_lfw_pairs,
)
from tf_sphereface.preprocessing import PixelContract

SAME = [True, False, True]
PHOTOS = [b"\xff\xd8\n'\"\\\x00", b"", b"photo 2" * 60, b"3", b"\x80\x81", b"x" * 70000]


def python2_pickle(protocol):
    """Python 2's pickle of (list of str, list of bool)."""
    if protocol == 0:
        texts = "".join(f"S{str(photo)[1:]}\np{k}\na" for k, photo in enumerate(PHOTOS))
        flags = "".join(f"I0{int(flag)}\na" for flag in SAME)
        return f"((lp90\n{texts}(lp91\n{flags}tp92\n.".encode("latin-1")
    content = b"\x80\x02]q\x00("
    for photo in PHOTOS:
        short = len(photo) < 256
        content += b"U" + bytes([len(photo)]) if short else b""
        content += b"" if short else b"T" + struct.pack("<i", len(photo))
        content += photo
    return content + b"e]q\x01(" + b"\x88\x89\x88" + b"e\x86q\x02."


@pytest.fixture
def write(tmp_path):
    def write_bin(content):
        path = tmp_path / "lfw.bin"
        path.write_bytes(content)
        return path

    return write_bin


@pytest.mark.parametrize("protocol", [0, 2])
def test_sets_of_python_2_are_read_as_pickle_reads_them(write, protocol):
    content = python2_pickle(protocol)
    assert pickle.loads(content, encoding="bytes") == (PHOTOS, SAME)  # the oracle
    assert read_verification_set(write(content)) == (PHOTOS, SAME)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "flags", [SAME, [1, 0, 1], tuple(SAME), [np.bool_(flag) for flag in SAME]]
)
def test_sets_of_python_3_are_read_in_every_protocol(write, protocol, flags):
    content = pickle.dumps((PHOTOS, flags), protocol)
    assert read_verification_set(write(content)) == (PHOTOS, SAME)


@pytest.mark.parametrize("protocol", range(5))
def test_numpy_arrays_are_read(write, protocol):
    arrays = [np.frombuffer(photo, np.uint8) for photo in PHOTOS]
    content = pickle.dumps([arrays, np.array(SAME)], protocol)
    assert read_verification_set(write(content)) == (PHOTOS, SAME)


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(5))
def test_code_in_a_pickle_is_refused_and_does_not_run(write, tmp_path, protocol):
    marker = tmp_path / "marker"
    content = pickle.dumps((PHOTOS, Evil(os.mkdir, str(marker))), protocol)
    with pytest.raises(
        InputError, match=r"lfw.bin, byte \d+: .* the name 'posix.mkdir"
    ):
        read_verification_set(write(content))
    assert not marker.exists()
    pickle.loads(content)  # the test can fail: Python's reader makes the folder
    assert marker.is_dir()


@pytest.mark.parametrize(
    "content",
    [
        b"cbuiltins\neval\n(V1\ntR.",
        b"cbuiltins\nbytearray\n(I9\ntR.",
        b"c__builtin__\nbytes\n(I99999999999\ntR.",
        b"cnumpy\nload\n(V/etc/passwd\ntR.",
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(VO8\ntRV\ntR.",
        b"c_codecs\nencode\n(V1\nVidna\ntR.",
        b"\x80\x02}.",  # a dict
        b"(i__main__\nEvil\n.",
        b"\x80\x04\x82\x01.",  # a registered extension
        b"Pid\n.",
    ],
)
def test_what_plain_data_does_not_need_is_refused(write, content):
    with pytest.raises(InputError, match="must hold plain lists, bytes"):
        read_verification_set(write(content))


def test_one_text_many_times_over_is_refused(write):
    text = (
        b"c_codecs\nencode\np1\n0X" + struct.pack("<I", 1000) + b"a" * 1000 + b"p2\n0"
    )
    content = text + b"g1\n(g2\nVlatin1\ntR0" * 2000 + b"."
    with pytest.raises(InputError, match="one text many times over"):
        read_verification_set(write(content))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_set_is_named_with_the_offset(write, share):
    content = pickle.dumps((PHOTOS, SAME), 4)
    with pytest.raises(InputError, match=r"damaged pickle: .*lfw.bin, byte \d+"):
        read_verification_set(write(content[: int(len(content) * share)]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([PHOTOS], "a list of photos and a list of flags"),
        (b"text", "a list of photos and a list of flags"),
        ((PHOTOS, SAME[:2]), "two photos for each flag. Received: 6 photos and 2"),
        (([], []), "two photos for each flag"),
        ((PHOTOS[:5] + ["text"], SAME), "photo 5 of .* must be bytes. Received: str"),
        ((PHOTOS, [True, False, 2]), "flag 2 of .* must be true or false"),
    ],
)
def test_other_content_is_named(write, content, message):
    with pytest.raises(InputError, match=message):
        read_verification_set(write(pickle.dumps(content)))


def test_align_writes_crops_and_a_pair_list(write, crops, tmp_path, capsys):
    path = write(pickle.dumps((crops[:4], [True, False])))
    out = tmp_path / "out"
    assert main([str(path), "--out", str(out), "--processes", "1"]) == 0
    assert "pair list: " in capsys.readouterr().err
    pairs = read_lfw_pairs(out / "pairs.txt")
    assert [pair.same for pair in pairs.pairs] == [True, False]
    for number, pair in enumerate(pairs.pairs):
        for side, name in enumerate(pair[:2]):
            whole = Image.open(io.BytesIO(crops[2 * number + side]))
            expected = np.asarray(whole)[1:, 9:105]
            crop = np.asarray(Image.open(out / name))
            np.testing.assert_array_equal(crop[:111], expected)


class MeanColour:
    """Embeds a crop as its mean colour."""

    kind = "keras"
    pixel_contract = PixelContract()
    embedding_dim = 3

    def embed(self, aligned_faces):
        return aligned_faces.mean(axis=(1, 2), dtype=np.float32)


def test_aligned_set_is_evaluated_by_its_own_pair_list(write, tmp_path):
    """Ten folds of a genuine pair, of one colour, and an impostor pair."""
    photos, rng = [], np.random.default_rng(0)
    for pair in range(20):
        colours = rng.choice([[250, 9, 9], [9, 250, 9], [9, 9, 250]], 2, replace=False)
        for colour in colours[[0, 0]] if pair % 2 == 0 else colours:
            encoded = io.BytesIO()
            flat = np.broadcast_to(colour, (112, 112, 3)).astype(np.uint8)
            Image.fromarray(flat).save(encoded, "JPEG")
            photos.append(encoded.getvalue())
    path = write(pickle.dumps((photos, [True, False] * 10)))
    out = tmp_path / "out"
    assert main([str(path), "--out", str(out), "--processes", "1"]) == 0
    for rule in ("sphereface", "insightface"):
        listed = read_lfw_pairs(out / "pairs.txt")
        source = ModelEmbeddings(MeanColour())
        report = evaluate_verification(source, out, listed, rule=rule)
        assert (report.accuracy, report.notes[1:]) == (1.0, ())
        assert report.counts()["folds"] == 10
        assert report.counts()["pairs_with_a_missing_photo"] == 0
        assert (
            report.people.count == 30
        )  # a person a genuine pair, two an impostor pair


def test_unbalanced_set_has_crops_and_a_note(write, crops, tmp_path, capsys):
    path = write(pickle.dumps((crops, SAME)))
    assert main([str(path), "--out", str(tmp_path / "o"), "--processes", "1"]) == 0
    assert "note: no pair list: " in capsys.readouterr().err
    assert len(list((tmp_path / "o").rglob("*.png"))) == 6


def test_reader_is_small(write, crops):
    source = open_photo_source(write(pickle.dumps((crops[:4], [True, False]))))
    reader = source.reader()
    assert reader.read(3) == crops[3]
    assert len(pickle.dumps(reader)) < 500
