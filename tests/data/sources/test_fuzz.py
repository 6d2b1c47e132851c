"""Any bytes give a result or an `InputError`: no other exception, and little memory."""

import contextlib
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from tests.damaged_files import CASES, check_reader, mutations
from tf_sphereface.data.alignment.landmark_table import read_landmark_table
from tf_sphereface.data.records.frames import record_spans
from tf_sphereface.data.sources import open_photo_source
from tf_sphereface.data.sources.insightface_bin import read_verification_set
from tf_sphereface.errors import InputError

MAGIC = b"\x0a\x23\xd7\xce"
INTERESTING = [MAGIC, b"\t", b"\n", b",", b"9"]


def read_source(path, other=None):
    def read(content):
        path.write_bytes(content)
        source = open_photo_source(other or path)
        reader = source.reader()
        for name in source.names:
            with contextlib.suppress(FileNotFoundError):
                reader.read(source.photo(name).place)

    return read


@pytest.fixture
def rec(write_records, record_writer):
    image_record, _ = record_writer
    records = {0: image_record(0, 0, b"", labels=(4, 5))}
    images = (b"one", b"abcd" + MAGIC + b"efgh", b"three")
    for number, image in enumerate(images, start=1):
        records[number] = image_record(number // 2, number, image)
    records[4] = image_record(0, 4, b"", labels=(1, 4))
    return write_records(records)


@CASES
def test_records(rec, cases):
    check_reader(cases, mutations(rec.read_bytes(), INTERESTING), read_source(rec))


@CASES
@pytest.mark.parametrize("suffix", [".idx", ".lst"])
def test_index_and_list_of_records(rec, suffix, cases):
    whole = rec.with_suffix(".idx").read_bytes()
    if suffix == ".lst":
        whole = b"1\ta/1.jpg\t0\n1\tb/2.jpg\t1\n1\tb/3.jpg\t1\n"
    check_reader(
        cases, mutations(whole, INTERESTING), read_source(rec.with_suffix(suffix), rec)
    )


@CASES
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_verification_sets(tmp_path, protocol, cases):
    arrays = [np.frombuffer(b"photo", np.uint8), b"photo"]
    whole = pickle.dumps((arrays, np.array([True])), protocol)
    path = tmp_path / "x.bin"

    def read(content):
        path.write_bytes(content)
        read_verification_set(path)

    check_reader(cases, mutations(whole, INTERESTING), read)


@CASES
def test_record_shards(tmp_path, cases):
    path = tmp_path / "x.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for content in (b"first", b"", b"x" * 99):
            writer.write(content)

    def read(content):
        path.write_bytes(content)
        spans = list(record_spans(path))
        assert all(start + length <= len(content) for start, length in spans)

    check_reader(cases, mutations(path.read_bytes(), INTERESTING), read)


@CASES
@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".txt", "a/1.jpg Zoë\n# x\n\nb/2.png\tEve\nc/3.jpg\n"),
        (".csv", 'path,identity\na/1.jpg,Zoë\n# x\n"b/2.png",Eve\nc/3.jpg\n'),
        (".tsv", "path\tidentity\na/1.jpg\tZoë\n# x\nb/2.png\tEve\nc/3.jpg\n"),
    ],
    ids=["txt", "csv", "tsv"],
)
def test_photo_lists(tmp_path, suffix, text, cases):
    check_reader(
        cases,
        mutations(text.encode(), INTERESTING),
        read_source(tmp_path / f"list{suffix}"),
    )


@CASES
def test_landmark_tables(tmp_path, cases):
    path = tmp_path / "x.csv"

    def read(content):
        path.write_bytes(content)
        for landmarks in read_landmark_table(path).values():
            assert len(landmarks) == 10

    whole = b'photo,x\na.jpg,1,2,3,4,5,6,7,8,9,10\n"b",2,3,4,5,6,7,8,9,9,9\n'
    check_reader(cases, mutations(whole, INTERESTING), read)


def shard(length):
    """A frame with a right checksum of a length that is not there."""

    def crc(content):  # CRC-32C bit by bit, from the polynomial's definition
        value = int.from_bytes(content, "little") ^ 0xFFFFFFFF
        for _ in range(8 * len(content)):
            value = value >> 1 ^ (0x82F63B78 * (value & 1))
        return value ^ 0xFFFFFFFF

    head = struct.pack("<Q", length)
    masked = ((crc(head) >> 15 | crc(head) << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return head + struct.pack("<I", masked)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.rec", MAGIC + struct.pack("<I", (1 << 29) - 1)),
        ("x.rec", MAGIC + struct.pack("<I", 24) + b"\xff" * 24),
        ("x.rec", MAGIC + struct.pack("<I", (1 << 29) + 4) + b"\0" * 8),
        ("x.bin", b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40)),
        ("x.bin", b"\x80\x04T" + struct.pack("<I", 1 << 31)),
        ("x.bin", b"\x80\x04]r" + struct.pack("<I", 1 << 31) + b"."),
        ("x.bin", b"\x8b" + struct.pack("<I", 1 << 30)),
        ("x.tfrecord", shard(1 << 40)),
    ],
)
def test_lengths_are_not_taken_on_trust(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    (tmp_path / "x.idx").write_text("0\t0\n")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=name):
            if name == "x.tfrecord":
                list(record_spans(path))
            else:
                open_photo_source(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
