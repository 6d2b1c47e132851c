"""Tests for tf_sphereface.data.sources: InsightFace's train.rec, without mxnet."""

import io
import pickle
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.data.alignment.crops import cut_insightface_crop
from tf_sphereface.data.records.manifest import read_manifest
from tf_sphereface.data.records.writer import write_records as pack
from tf_sphereface.data.sources import open_photo_source
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LANDMARK_TEMPLATE, CropGeometry, align_face

MAGIC = b"\x0a\x23\xd7\xce"
NAMES = (
    "id_0000000/00000001.jpg",
    "id_0000000/00000002.jpg",
    "id_0000001/00000003.jpg",
    "id_0000001/00000004.jpg",
    "id_0000001/00000005.jpg",
    "id_0000012/00000006.jpg",
)


def read_all(source):
    reader = pickle.loads(pickle.dumps(source.reader()))
    return [reader.read(source.photo(name).place) for name in source.names]


def test_images_and_labels_are_those_that_were_written(insightface, crops):
    source = open_photo_source(insightface)
    assert source.names == NAMES
    assert read_all(source) == crops
    assert source.aligned


def test_folder_of_a_training_set_is_its_records(insightface):
    assert open_photo_source(insightface.parent).names == NAMES


def test_crops_are_columns_9_to_104_pixel_by_pixel(insightface, crops, tmp_path):
    out = tmp_path / "out"
    summary = align_photos(open_photo_source(insightface), out, processes=1)
    assert (summary.photos, summary.kept, summary.identities) == (6, 6, 3)
    for name, content in zip(NAMES, crops, strict=True):
        whole = np.asarray(Image.open(io.BytesIO(content)))
        crop = np.asarray(Image.open(out / name.replace(".jpg", ".png")))
        np.testing.assert_array_equal(crop[:111], whole[1:, 9:105])
        np.testing.assert_array_equal(crop[111], whole[111, 9:105])


def test_cut_crop_is_the_one_that_the_photo_gives():
    # The five points of insightface's face_align.py, for 112 x 112.
    template = np.float64(
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366]]
        + [[41.5493, 92.3655], [70.7299, 92.2041]]
    )
    rng = np.random.default_rng(0)
    photo = cv2.resize(rng.integers(0, 256, (25, 25, 3)).astype(np.uint8), (250, 250))
    turn = np.float64([[0.9, 0.4], [-0.4, 0.9]])
    landmarks = template @ turn.T * 1.2 + [20.0, 80.0]
    theirs = align_face(photo, landmarks, CropGeometry(112, 112, template))
    cut, ours = cut_insightface_crop(theirs), align_face(photo, landmarks)
    assert cut.shape == ours.shape == (112, 96, 3)
    np.testing.assert_array_equal(cut[:111], ours[:111])


def test_records_have_our_template(insightface, tmp_path):
    align_photos(open_photo_source(insightface), tmp_path / "out", processes=1)
    pack(tmp_path / "out", tmp_path / "records", 1)
    template = read_manifest(tmp_path / "records").crop.template
    np.testing.assert_array_equal(template, LANDMARK_TEMPLATE)


def test_whole_crops_are_taken_pixel_by_pixel(insightface, crops, tmp_path):
    square, out = CropGeometry(112, 112), tmp_path / "out"
    align_photos(open_photo_source(insightface), out, processes=1, crop=square)
    for name, content in zip(NAMES, crops, strict=True):
        crop = np.asarray(Image.open(out / name.replace(".jpg", ".png")))
        np.testing.assert_array_equal(crop, Image.open(io.BytesIO(content)))
    pack(out, tmp_path / "records", 1)
    manifest = read_manifest(tmp_path / "records")
    assert (manifest.crop.height, manifest.crop.width) == (112, 112)
    np.testing.assert_allclose(manifest.crop.template[0], (38.2946, 51.6963))
    assert manifest.detector == {"name": "InsightFace's own", "cut": "none"}


def test_crops_of_another_size_cannot_be_made_of_them(insightface, tmp_path):
    with pytest.raises(InputError, match="must be 112 x 112, .* Received: 160 x 160"):
        align_photos(insightface, tmp_path / "out", crop=CropGeometry(160, 160))
    assert not (tmp_path / "out").exists()


def test_crops_are_not_fitted_anew(insightface, tmp_path):
    with pytest.raises(InputError, match="holds aligned faces: they are not fitted"):
        align_photos(insightface, tmp_path / "out", crop=CropGeometry(fit="photo"))
    assert not (tmp_path / "out").exists()


def test_second_run_reuses_everything(insightface, tmp_path):
    align_photos(open_photo_source(insightface), tmp_path / "out", processes=1)
    again = align_photos(open_photo_source(insightface), tmp_path / "out", processes=1)
    assert (again.reused, again.kept) == (6, 6)


@pytest.mark.parametrize(
    "image",
    [
        b"abcd" + MAGIC + b"efgh",
        MAGIC * 3,
        b"abc" + MAGIC,  # not at a multiple of 4: no cut
        b"abcd" + MAGIC,
        b"x" * 41 + MAGIC,
    ],
)
def test_records_in_parts_are_put_together(write_records, record_writer, image):
    image_record, record_parts = record_writer
    record = image_record(3, 1, image)
    if image.endswith(b"efgh"):
        assert record_parts(record).count(MAGIC) == 2  # one for each part
    path = write_records({1: record, 2: image_record(3, 2, b"next")})
    assert read_all(open_photo_source(path)) == [image, b"next"]


def test_label_that_is_the_magic_number_is_read(write_records, record_writer):
    image_record, _ = record_writer
    # The two labels 5.0 and the number whose bits are the magic one.
    labels = (5.0, struct.unpack("<f", MAGIC)[0])
    path = write_records({1: image_record(0, 1, b"image", labels=labels)})
    source = open_photo_source(path)
    assert source.names == ("id_0000005/00000001.jpg",)
    assert read_all(source) == [b"image"]


def test_list_gives_the_names(insightface):
    lines = [f"1\t/data/{person}/{k}.jpg\t{label}" for k, (person, label) in LISTED]
    insightface.with_suffix(".lst").write_text("\n".join(lines) + "\n")
    source = open_photo_source(insightface)
    assert source.names[0] == "0000045/1.jpg"
    assert source.names[-1] == "0166921/6.jpg"
    summary = align_photos(
        source, insightface.parent / "out", processes=1, exclude=("0166921",)
    )
    assert (summary.photos, summary.excluded_identities) == (5, 1)


LISTED = list(
    enumerate(
        [("0000045", 0)] * 2 + [("0000099", 1)] * 3 + [("0166921", 12)],
        start=1,
    )
)


def test_list_of_other_records_is_refused(insightface):
    insightface.with_suffix(".lst").write_text("1\ta/b.jpg\t0\n")
    with pytest.raises(InputError, match=r"train.lst is not the list .*1 lines, 6"):
        open_photo_source(insightface)


def test_photo_of_another_size_is_dropped(write_records, record_writer, tmp_path):
    image_record, _ = record_writer
    buffer = io.BytesIO()
    Image.new("RGB", (100, 112)).save(buffer, "PNG")
    path = write_records({1: image_record(0, 1, buffer.getvalue())})
    summary = align_photos(open_photo_source(path), tmp_path / "out", processes=1)
    assert summary.dropped == {"not 112 x 112": 1}
    assert summary.failure() == "no crop of any photo: 1 not 112 x 112"


# The last 120 bytes are records of identities, which are not needed.
@pytest.mark.parametrize("cut", [121, 200, 4000])
def test_truncated_file_is_named_with_its_size(insightface, cut):
    size = insightface.stat().st_size - cut
    insightface.write_bytes(insightface.read_bytes()[:size])
    with pytest.raises(InputError, match=rf"truncated records: .*train.rec has {size}"):
        open_photo_source(insightface)


def test_damaged_magic_is_named_with_its_offset(insightface):
    offset = int(insightface.with_suffix(".idx").read_text().split()[5])
    content = bytearray(insightface.read_bytes())
    content[offset] ^= 1
    insightface.write_bytes(content)
    with pytest.raises(InputError, match=rf"train.rec, byte {offset}: no record"):
        open_photo_source(insightface)


def test_part_out_of_order_is_damage(write_records, record_writer):
    image_record, _ = record_writer
    path = write_records({1: image_record(0, 1, b"abcd" + MAGIC + b"efgh")})
    content = bytearray(path.read_bytes())
    content[7] = 2 << 5  # the first part says that it is in the middle
    path.write_bytes(content)
    with pytest.raises(InputError, match="byte 0: part 2 .* out of order"):
        open_photo_source(path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("", "train.idx is empty"),
        ("0\n", "train.idx line 1 must be a record's number and offset"),
        ("0\t0\n0\t0\n", "line 2: 0 occurs twice"),
        ("0\t-4\n", "line 1 must be"),
        ("0\t99999999\n", "a record should begin at 99999999"),
    ],
)
def test_damaged_index_is_named(insightface, index, message):
    insightface.with_suffix(".idx").write_text(index)
    with pytest.raises(InputError, match=message):
        open_photo_source(insightface)


def test_missing_index_is_named(insightface):
    insightface.with_suffix(".idx").unlink()
    with pytest.raises(InputError, match=r"no such index of train.rec: .*train.idx"):
        open_photo_source(insightface)


@pytest.mark.parametrize("label", [0.5, -1.0, float("nan"), float("inf"), 1e12])
def test_label_that_is_no_whole_number_is_damage(write_records, record_writer, label):
    image_record, _ = record_writer
    path = write_records({1: image_record(label, 1, b"image")})
    with pytest.raises(InputError, match="byte 0: a label must be a whole number"):
        open_photo_source(path)


def test_given_landmarks_and_choices_do_not_go_with_aligned_faces(
    insightface, tmp_path
):
    for options in ({"choice": "all"}, {"landmarks": {NAMES[0]: (1.0,) * 10}}):
        with pytest.raises(InputError, match="holds aligned faces"):
            align_photos(open_photo_source(insightface), tmp_path / "out", **options)
