"""Tests for tf_sphereface.data.records.frames."""

import pytest
import tensorflow as tf

from tf_sphereface.data.records.frames import find_damage, record_spans
from tf_sphereface.errors import InputError

CONTENTS = [b"first", b"", bytes(range(256)) * 9]


@pytest.fixture
def path(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "x.tfrecord")) as writer:
        for content in CONTENTS:
            writer.write(content)
    return tmp_path / "x.tfrecord"


def test_spans_are_the_contents(path):
    whole = path.read_bytes()
    spans = [whole[start : start + length] for start, length in record_spans(path)]
    assert spans == CONTENTS


def test_damaged_length_is_named_with_its_offset(path):
    content = bytearray(path.read_bytes())
    content[21] ^= 1  # the second record begins after 12 + 5 + 4 bytes
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged shard: .*x.tfrecord, byte 21:"):
        list(record_spans(path))


@pytest.mark.parametrize(("cut", "offset"), [(1, 49), (2310, 37), (2304, 49)])
def test_truncation_is_named_with_its_offset(path, cut, offset):
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match=rf"truncated shard: .*, byte {offset}"):
        list(record_spans(path))


def test_checksums_of_contents_are_compared(path):
    find_damage(path)
    content = bytearray(path.read_bytes())
    content[60] ^= 1  # of the third record, which begins after 21 + 16 + 12 bytes
    path.write_bytes(content)
    assert len(list(record_spans(path))) == len(CONTENTS)
    with pytest.raises(InputError, match=r"byte 49: a record of 2304 bytes"):
        find_damage(path)
