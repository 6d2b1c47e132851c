"""Tests for tf_sphereface.data.records.writer."""

import json
import shutil
import struct

import google_crc32c
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.data.aligned.manifest import ManifestRow, write_manifest_rows
from tf_sphereface.data.aligned.settings import agree_on_settings
from tf_sphereface.data.alignment.settings import given_landmarks
from tf_sphereface.data.batches.shuffled import training_batches
from tf_sphereface.data.records.index import index_records
from tf_sphereface.data.records.writer import (
    parse_record,
    read_manifest,
    shard_paths,
    verify_records,
    write_records,
)
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LANDMARK_TEMPLATE, CropGeometry
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.training.fine_tuning import class_means

COUNTS = {"zoë": 1, "Ada Byron": 7, "bob": 4}
SORTED = ["Ada Byron", "bob", "zoë"]


@pytest.fixture
def aligned(tmp_path):
    """Noise crops of three people: JPEG, with one PNG."""
    rng = np.random.default_rng(0)
    for identity, count in COUNTS.items():
        folder = tmp_path / "aligned" / identity
        folder.mkdir(parents=True)
        for number in range(count):
            crop = Image.fromarray(rng.integers(0, 256, (112, 96, 3), np.uint8))
            crop.save(folder / f"{number}.{'png' if number == 3 else 'jpg'}")
    return tmp_path / "aligned"


def read_examples(records):
    """All records in order, read with the protocol buffer and not with our parser."""
    examples = []
    for path in sorted(records.glob("*.tfrecord")):
        for serialized in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            feature = tf.train.Example.FromString(serialized).features.feature
            examples.append(
                {
                    "encoded": feature["image/encoded"].bytes_list.value[0],
                    "label": feature["image/label"].int64_list.value[0],
                    "identity": feature["image/identity"].bytes_list.value[0].decode(),
                    "source": feature["image/source"].bytes_list.value[0].decode(),
                }
            )
    return examples


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_records_hold_each_crop_once_as_it_is(aligned, tmp_path):
    summary = write_records(aligned, tmp_path / "records", 3)
    examples = read_examples(tmp_path / "records")
    assert summary.records == len(examples) == 12
    expected = {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for path in aligned.glob("*/*")
    }
    assert {one["source"]: one["encoded"] for one in examples} == expected
    for one in examples:
        assert one["identity"] == one["source"].split("/")[0]
        assert SORTED[one["label"]] == one["identity"]


def test_manifest_says_what_the_shards_hold(aligned, tmp_path):
    out = tmp_path / "records"
    write_records(aligned, out, 5, seed=3)
    manifest = read_manifest(out)
    assert manifest.identities == SORTED
    assert manifest.images_per_identity == [7, 4, 1]
    assert [shard.records for shard in manifest.shards] == [3, 3, 2, 2, 2]
    assert manifest.shards[0].name == "faces-00000-of-00005.tfrecord"
    assert (manifest.records, manifest.seed, manifest.detector) == (12, 3, None)
    assert (manifest.crop.height, manifest.crop.width) == (112, 96)
    assert (manifest.crop.mean, manifest.crop.scale) == (127.5, 128.0)
    np.testing.assert_array_equal(manifest.crop.template, LANDMARK_TEMPLATE)
    assert [path.name for path in shard_paths(out)] == sorted(
        path.name for path in out.glob("*.tfrecord")
    )
    assert verify_records(out) == manifest


def test_parsed_record_is_the_crop_and_its_label(aligned, tmp_path):
    write_records(aligned, tmp_path / "records", 1)
    (path,) = shard_paths(tmp_path / "records")
    dataset = tf.data.TFRecordDataset(str(path)).map(parse_record)
    parsed = [(bytes(a), int(b)) for a, b in dataset.as_numpy_iterator()]
    expected = [(x["encoded"], x["label"]) for x in read_examples(tmp_path / "records")]
    assert parsed == expected


def test_seed_decides_the_order(aligned, tmp_path):
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        write_records(aligned, tmp_path / name, 2, seed=seed)
    assert contents(tmp_path / "one") == contents(tmp_path / "same")
    one, other = read_examples(tmp_path / "one"), read_examples(tmp_path / "other")
    assert [x["source"] for x in one] != [x["source"] for x in other]
    labels = [x["label"] for x in one]
    assert labels != sorted(labels)  # identities are mixed
    assert {x["label"] for x in one[:6]} > {0}


def test_identities_are_chosen_by_count_and_by_name(aligned, tmp_path):
    summary = write_records(aligned, tmp_path / "a", 1, min_images=4)
    assert read_manifest(tmp_path / "a").identities == ["Ada Byron", "bob"]
    assert (summary.identities, summary.dropped_identities) == (2, 1)
    summary = write_records(
        aligned, tmp_path / "b", 1, identities=["zoë", "bob", "Eve"]
    )
    assert read_manifest(tmp_path / "b").identities == ["bob", "zoë"]
    assert summary.missing_identities == 1
    with pytest.raises(InputError, match="no identity .* meets the conditions"):
        write_records(aligned, tmp_path / "c", 1, min_images=8)


def test_manifest_of_the_alignment_decides_which_crops_there_are(aligned, tmp_path):
    settings = {"detector": {"name": "MTCNN"}, "crop": {}}
    kept = ManifestRow("bob/1.jpg", "bob", "kept", crop="bob/1.jpg", box=(1, 2, 3, 4))
    dropped = ManifestRow("bob/2.jpg", "bob", "dropped", "no face")
    shutil.copytree(aligned, tmp_path / "whole")
    (aligned / "align.json").write_text(json.dumps({"settings": settings}))
    write_manifest_rows(aligned, {row.photo: row for row in (kept, dropped)})
    agree_on_settings(aligned, settings, "any")
    write_records(aligned, tmp_path / "records", 1)
    assert [x["source"] for x in read_examples(tmp_path / "records")] == ["bob/1.jpg"]
    assert read_manifest(tmp_path / "records").detector == {"name": "MTCNN"}


def test_interrupted_alignment_is_refused(aligned, tmp_path):
    (aligned / "manifest.partial.csv").write_text("")
    with pytest.raises(InputError, match="was interrupted"):
        write_records(aligned, tmp_path / "records", 1)


def test_truncated_shard_is_named(aligned, tmp_path):
    out = tmp_path / "records"
    write_records(aligned, out, 3)
    path = out / "faces-00001-of-00003.tfrecord"
    path.write_bytes(path.read_bytes()[:-10])
    for check in (shard_paths, verify_records):
        with pytest.raises(InputError, match=f"truncated shard: {path}"):
            check(out)
    path.unlink()
    with pytest.raises(InputError, match=f"missing shard: {path}"):
        verify_records(out)


def test_changed_byte_is_found(aligned, tmp_path):
    out = tmp_path / "records"
    write_records(aligned, out, 2)
    path = out / "faces-00001-of-00002.tfrecord"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"damaged shard: {path}"):
        verify_records(out)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"records": 13}, "does not add up to records"),
        ({"format_version": 2}, "format_version"),
        ({"identities": ["a", "a", "b"]}, "an identity occurs twice"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_damaged_manifest_is_named(aligned, tmp_path, change, message):
    out = tmp_path / "records"
    write_records(aligned, out, 1)
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(InputError, match=f"damaged manifest: .*{message}"):
        read_manifest(out)


def test_torn_and_missing_manifests_are_named(aligned, tmp_path):
    out = tmp_path / "records"
    write_records(aligned, out, 1)
    (out / "manifest.json").write_text((out / "manifest.json").read_text()[:200])
    with pytest.raises(InputError, match="damaged manifest"):
        read_manifest(out)
    with pytest.raises(InputError, match="not a record folder"):
        read_manifest(tmp_path / "nowhere")


def test_bad_crop_is_named_and_nothing_is_left(aligned, tmp_path):
    path = aligned / "bob" / "2.jpg"
    Image.new("RGB", (112, 112)).save(path)
    with pytest.raises(InputError, match=rf"96 x 112 .*{path} of 112 x 112"):
        write_records(aligned, tmp_path / "records", 2)
    path.write_bytes((aligned / "bob" / "1.jpg").read_bytes()[:2000])
    with pytest.raises(InputError, match=f"damaged image: {path}"):
        write_records(aligned, tmp_path / "records", 2)
    Image.new("CMYK", (96, 112)).save(path)
    with pytest.raises(InputError, match=f"{path} of mode CMYK"):
        write_records(aligned, tmp_path / "records", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["aligned"]


@pytest.mark.parametrize("size", [(250, 250), (112, 100), (640, 480), (96, 112)])
def test_photos_of_one_size_are_told_from_crops(tmp_path, size):
    for number in range(2):
        path = tmp_path / "photos" / "Ada" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size[::-1]).save(path)
    photos, shape = tmp_path / "photos", f"{size[0]} x {size[1]}"
    with pytest.raises(InputError, match=f"0.jpg of {shape} .*run `sphereface align"):
        write_records(photos, tmp_path / "records")
    assert not (tmp_path / "records").exists()


def test_size_of_crops_from_elsewhere_can_be_said(tmp_path):
    path = tmp_path / "crops" / "Ada" / "1.jpg"
    path.parent.mkdir(parents=True)
    Image.new("RGB", (160, 160)).save(path)
    crop = CropGeometry(160, 160)
    write_records(tmp_path / "crops", tmp_path / "records", crop=crop)
    assert read_manifest(tmp_path / "records").crop.height == 160
    agree_on_settings(tmp_path / "other", given_landmarks(), "1")
    (tmp_path / "other" / "Ada").mkdir()
    path.rename(tmp_path / "other" / "Ada" / "1.jpg")
    rows = {"Ada/1.jpg": ManifestRow("Ada/1.jpg", "Ada", "kept", crop="Ada/1.jpg")}
    write_manifest_rows(tmp_path / "other", rows)
    with pytest.raises(InputError, match="are 112 x 96. Received: 160 x 160"):
        write_records(tmp_path / "other", tmp_path / "more", crop=crop)


def test_existing_records_are_not_overwritten(aligned, tmp_path):
    out = tmp_path / "records"
    out.mkdir()
    write_records(aligned, out, 2)  # empty is as good as new
    before = contents(out)
    with pytest.raises(InputError, match="--out must be new or empty"):
        write_records(aligned, out, 2)
    assert contents(out) == before
    with pytest.raises(InputError, match="must not be inside"):
        write_records(aligned, aligned / "records", 2)


@pytest.mark.parametrize("shards", [0, -1, 13])
def test_bad_number_of_shards_is_named(aligned, tmp_path, shards):
    with pytest.raises(InputError, match=f"number of faces, 12. Received: {shards}"):
        write_records(aligned, tmp_path / "records", shards)


def with_length(path, length):
    """Writes another length, with its right checksum, into the first record."""
    content = bytearray(path.read_bytes())
    head = struct.pack("<Q", length)
    crc = google_crc32c.value(head)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    content[:12] = head + struct.pack("<I", masked)
    path.write_bytes(content)


def training_input(records):
    return training_batches(records, 4, contract=PixelContract(), seed=0)


def means_of_classes(records):
    return class_means(SphereFaceCNN(4, width_multiplier=1 / 64), records)


@pytest.mark.parametrize(
    "open_records", [index_records, training_input, means_of_classes]
)
@pytest.mark.parametrize("length", [2**40, 2**63 + 5])
def test_lengths_beyond_the_file_never_reach_tensorflow(
    aligned, tmp_path, monkeypatch, open_records, length
):
    out = tmp_path / "records"
    write_records(aligned, out, 1)
    with_length(next(out.glob("*.tfrecord")), length)
    monkeypatch.setattr(tf.data, "TFRecordDataset", None)
    with pytest.raises(InputError, match=rf"truncated shard: .* a record of {length}"):
        open_records(out)


def test_shards_of_fewer_records_than_the_manifest_says_are_refused(aligned, tmp_path):
    out = tmp_path / "records"
    write_records(aligned, out, 1)
    (path,) = out.glob("*.tfrecord")
    with_length(path, path.stat().st_size - 16)  # all is one record
    with pytest.raises(InputError, match=r"damaged shard: .* \(1 records of 12\)"):
        shard_paths(out)
