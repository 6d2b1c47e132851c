"""Tests for given landmarks, the choice of faces and people that are left out."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.commands import records as records_command
from tf_sphereface.commands.align import main
from tf_sphereface.data.aligned.crops import select_crops
from tf_sphereface.data.aligned.manifest import read_manifest_rows
from tf_sphereface.data.alignment.align import AlignmentSummary, align_photos
from tf_sphereface.data.alignment.crops import (
    choose_faces,
    crop_name,
    is_further_face,
    row_name,
)
from tf_sphereface.data.alignment.landmark_table import read_landmark_table
from tf_sphereface.data.photos.exclusions import read_exclusions, without_identities
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
    write_synthetic_faces,
)
from tf_sphereface.detection import Face, MTCNNSettings
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import CropGeometry, align_face

POINTS = (30.0, 40.0, 70.5, 41.0, 50.0, 60.0, 35.0, 80.0, 66.0, 81.0)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(2)
    return [
        render_photo(sample_identity(rng), sample_capture(rng, 5.0)).image
        for _ in range(3)
    ]


@pytest.fixture
def source(tmp_path, images):
    for name, image in zip(
        ("Ada/1.jpg", "Ada/2.jpg", "Eve/1.png"), images, strict=True
    ):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def boxed(x, y, side):
    return Face(np.array([x, y, x + side, y + side], float), 0.9, np.zeros((5, 2)))


@pytest.fixture
def group(tmp_path, images):
    """One photo of three people, the smallest in the middle."""
    small = np.asarray(Image.fromarray(images[1]).resize((160, 160)))
    canvas = np.full((300, 860, 3), 128, np.uint8)
    canvas[20:276, 10:266] = np.asarray(Image.fromarray(images[0]).resize((256, 256)))
    canvas[70:230, 350:510] = small
    canvas[30:270, 600:840] = np.asarray(Image.fromarray(images[2]).resize((240, 240)))
    (tmp_path / "group" / "Ada").mkdir(parents=True)
    Image.fromarray(canvas).save(tmp_path / "group" / "Ada" / "x.jpg", quality=95)
    return tmp_path / "group"


def test_given_landmarks_make_the_crops(source, tmp_path, capsys):
    table = tmp_path / "points.csv"
    numbers = ",".join(map(str, POINTS))
    table.write_text(f"photo\nAda/1.jpg,{numbers}\nEve/1.png,{numbers},9,9\n")
    out = tmp_path / "out"
    options = ["--out", str(out), "--landmarks", str(table), "--processes", "1"]
    assert main([str(source), *options]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["kept"], summary["dropped"]) == (2, {"no landmarks": 1})
    assert read_manifest_rows(out)["Ada/1.jpg"].landmarks == POINTS
    for name, crop in (("Ada/1.jpg", "Ada/1.jpg"), ("Eve/1.png", "Eve/1.png.jpg")):
        expected = align_face(read_photo(source / name), np.reshape(POINTS, (5, 2)))
        actual = np.asarray(Image.open(out / crop)).astype(int)
        assert np.abs(actual - expected).mean() < 4  # JPEG
    # Other landmarks for one photo, and some for the one that had none.
    moved = ",".join(str(value + 3) for value in POINTS)
    table.write_text(f"Ada/1.jpg,{moved}\nEve/1.png,{numbers}\nAda/2.jpg,{numbers}\n")
    assert main([str(source), *options]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["kept"], summary["reused"], summary["dropped"]) == (3, 1, {})


def test_landmarks_outside_the_photo_make_no_crop(source, tmp_path):
    # Of a photo twice as large, say: the crop would be black.
    far = tuple(value + 4000 for value in POINTS)
    half = (-500.0, 40.0, *POINTS[2:])  # a face that the edge cuts
    table = {"Ada/1.jpg": far, "Ada/2.jpg": half}
    options = {"processes": 1, "landmarks": table}
    summary = align_photos(source, tmp_path / "out", **options)
    dropped = {"landmarks outside the photo": 1, "no landmarks": 1}
    assert (summary.kept, summary.dropped) == (1, dropped)
    table["Ada/1.jpg"] = POINTS  # the mended list
    summary = align_photos(source, tmp_path / "out", **options)
    assert (summary.kept, summary.dropped) == (2, {"no landmarks": 1})


def test_table_of_rendered_photos_is_read(tmp_path):
    write_synthetic_faces(tmp_path / "x", 1, 2, seed=1, processes=1)
    table = read_landmark_table(tmp_path / "x" / "landmarks.csv")
    names = {f"person_00000/person_00000_000{n}.jpg" for n in (1, 2)}
    assert table.keys() == names


def test_given_landmarks_need_no_networks(source, tmp_path):
    summary = align_photos(
        source,
        tmp_path / "out",
        processes=1,
        networks=tmp_path / "nowhere",
        landmarks={"Ada/1.jpg": POINTS},
    )
    assert summary.kept == 1


def test_landmarks_of_other_photos_are_refused(source, tmp_path):
    with pytest.raises(InputError, match="no photo of .* has landmarks; .*Ada/1.jpg"):
        align_photos(source, tmp_path / "out", landmarks={"1.jpg": POINTS})
    with pytest.raises(InputError, match="there is no choice of faces"):
        align_photos(source, tmp_path / "o", landmarks={"Ada/1.jpg": ()}, choice="all")


def test_manifest_of_an_alignment_is_a_landmark_table(source, tmp_path):
    align_photos(source, tmp_path / "one", processes=1)
    table = read_landmark_table(tmp_path / "one" / "manifest.csv")
    rows = read_manifest_rows(tmp_path / "one")
    assert table == {n: row.landmarks for n, row in rows.items() if row.landmarks}
    align_photos(source, tmp_path / "two", processes=1, landmarks=table)
    one, two = (
        {p.name: p.read_bytes() for p in (tmp_path / name).rglob("*.jpg")}
        for name in ("one", "two")
    )
    assert one == two


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg,1,2,3\n", "line 1: must be a photo and ten numbers. Received: 4"),
        ("\na.jpg" + ",x" * 10, "line 2: must be a photo and ten numbers"),
        ("a.jpg" + ",5" * 10, "line 1: landmarks must not be one point"),
        ("a.jpg" + ",nan" * 10, "line 1: landmarks must be pixels"),
        ("a.jpg" + ",1e300" * 10, "line 1: landmarks must be pixels"),
        ("a.jpg,1,2,3,4,5,6,7,8,9,10\n" * 2, "line 2: 'a.jpg' occurs twice"),
        ("photo,x\n", "no landmarks in"),
        ("path,x\n", "no landmarks in"),
        ('"a', "line 1: "),
    ],
)
def test_bad_landmarks_are_named_with_their_line(tmp_path, text, message):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_landmark_table(tmp_path / "x.csv")


def test_choices_of_faces():
    faces = [boxed(0, 0, 30), boxed(40, 40, 20), boxed(70, 70, 25)]
    assert choose_faces(faces, "centre", 100, 100) == [faces[1]]
    assert choose_faces(faces, "largest", 100, 100) == [faces[0]]
    # Centres at 15, 50 and 82.5 of a photo whose centre is 49.5.
    assert choose_faces(faces, "all", 100, 100) == [faces[1], faces[2], faces[0]]
    for choice in ("centre", "largest", "all"):
        assert choose_faces([], choice, 100, 100) == []


def test_all_faces_of_a_group_have_crops_and_rows(group, tmp_path):
    out = tmp_path / "out"
    summary = align_photos(group, out, processes=1, choice="all")
    assert (summary.photos, summary.kept) == (1, 3)
    rows = read_manifest_rows(out)
    assert sorted(rows) == ["Ada/x.jpg", "Ada/x.jpg#2", "Ada/x.jpg#3"]
    assert [rows[name].crop for name in sorted(rows)] == [
        "Ada/x.jpg",
        "Ada/x#2.jpg",
        "Ada/x#3.jpg",
    ]
    assert [rows[name].faces for name in sorted(rows)] == [3, 3, 3]
    assert 350 < np.mean(rows["Ada/x.jpg"].box[::2]) < 510
    again = align_photos(group, out, processes=1, choice="all")
    assert (again.reused, again.kept, again.several_faces) == (1, 3, 1)
    (out / "Ada" / "x#3.jpg").unlink()
    again = align_photos(group, out, processes=1, choice="all")
    assert (again.reused, again.kept, len(list(out.rglob("*.jpg")))) == (0, 3, 3)


def test_largest_and_centre_differ_in_a_group(group, tmp_path):
    for choice, low, high in (("centre", 350, 510), ("largest", 10, 266)):
        summary = align_photos(group, tmp_path / choice, processes=1, choice=choice)
        row = read_manifest_rows(tmp_path / choice)["Ada/x.jpg"]
        assert (summary.kept, row.faces) == (1, 3)
        assert summary.several_faces == 1 and "photos with several faces: 1" in (
            summary.doubts(choice)
        )
        assert low < np.mean(row.box[::2]) < high
    with pytest.raises(InputError, match="choice is 'nearest to the centre' there"):
        align_photos(group, tmp_path / "centre", processes=1, choice="all")


def test_summary_tells_losses_and_doubts():
    counts = {"identities": 2, "reused": 0, "other_files": 0, "excluded_identities": 0}
    summary = AlignmentSummary(
        photos=20,
        kept=13,
        dropped={"a": 1, "b": 6},
        several_faces=3,
        found_by={"first look": 13},
        chosen_by={"centre": 2, "only": 11},
        seconds=1,
        **counts,
    )
    assert summary.losses() == "7 of 20 photos gave no crop: 6 b, 1 a"
    assert "3; the face nearest the centre was taken" in summary.doubts("centre")
    assert "in 2 photos that nearest the centre" in summary.doubts("consistent")
    whole = dataclasses.replace(summary, kept=20, dropped={}, several_faces=0)
    assert whole.losses() is whole.doubts("all") is None


@pytest.fixture
def faceless(source):
    """One more photo of Ada, in which there is no face."""
    Image.new("RGB", (300, 200), "grey").save(source / "Ada" / "sky.jpg")
    return source


def test_middle_of_a_photo_without_a_face_is_the_last_resort(
    faceless, tmp_path, capsys
):
    out = tmp_path / "out"
    options = [str(faceless), "--processes", "1", "--out", str(out)]
    assert main([*options, "--last-resort", "template"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["kept"], summary["dropped"]) == (4, {})
    assert summary["found_by"] == {"first look": 3, "template": 1}
    row = read_manifest_rows(out)["Ada/sky.jpg"]
    assert (row.found_by, row.faces, row.box, row.crop) == (
        *("template", 0, ()),
        "Ada/sky.jpg",
    )
    points = np.reshape(row.landmarks, (5, 2))
    # InsightFace's crop of 112 x 112 would lie in the middle, 0.53 of the height wide.
    scale = np.linalg.norm(points[1] - points[0]) / 35.2377
    assert scale * 112 == pytest.approx(0.53 * 200, rel=1e-3)
    middle = points - scale * (np.array(CropGeometry(112, 112).template) - 55.5)
    np.testing.assert_allclose(middle, [[149.5, 99.5]] * 5, atol=0.01)
    page = (out / "audit.html").read_text("utf-8")
    assert "in which no face was found: 1 crop." in page
    with pytest.raises(InputError, match="last_resort is 'template' there"):
        align_photos(faceless, out, processes=1)


def test_training_leaves_the_last_resort_out_unless_asked(faceless, tmp_path, capsys):
    out = tmp_path / "out"
    align_photos(faceless, out, processes=1, last_resort="template")
    for asked, expected in ((False, (3, 1)), (True, (4, 0))):
        packed = [str(out), "--out", str(tmp_path / f"records{asked}")]
        assert records_command.main(packed + ["--template-crops"] * asked) == 0
        said = capsys.readouterr()
        summary = json.loads(said.out)
        assert (summary["records"], summary["template_crops"]) == expected
        assert ("--template-crops takes them" in said.err) == (not asked)
    assert len(select_crops(out).crops) == 4  # what evaluation takes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"last_resort": "any"}, "last_resort must be one of .*'any'"),
        (
            {"last_resort": "template", "landmarks": {"Ada/1.jpg": POINTS}},
            "there is no last resort",
        ),
    ],
)
def test_last_resorts_that_cannot_be_are_refused(source, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        align_photos(source, tmp_path / "out", **options)


def test_folder_of_an_earlier_version_goes_on_with_its_rules(source, tmp_path):
    """Its align.json has no word of rules that are newer."""
    out = tmp_path / "out"
    earlier = MTCNNSettings(landmark_rule="single", second_thresholds=())
    align_photos(source, out, earlier, processes=1)
    path = out / "align.json"
    record = json.loads(path.read_text())
    for name in ("landmark_rule", "second_thresholds", "last_resort"):
        del record["settings"]["detector"][name]
    path.write_text(json.dumps(record))
    assert align_photos(source, out, earlier, processes=1).reused == 3
    message = "landmark_rule is 'single' there, and 'consensus' now"
    with pytest.raises(InputError, match=message):
        align_photos(
            source, out, dataclasses.replace(earlier, landmark_rule="consensus")
        )
    with pytest.raises(InputError, match=r"second_thresholds is \[\] there, and \[0.5"):
        align_photos(
            source, out, dataclasses.replace(earlier, second_thresholds=(0.5,) * 3)
        )


@pytest.mark.parametrize("rule", ["single", "consensus"])
def test_manifest_has_the_rule_s_confidence(source, tmp_path, rule, capsys):
    options = ["--out", str(tmp_path / "out"), "--processes", "1"]
    assert main([str(source), *options, "--landmark-rule", rule]) == 0
    sure = [
        row.landmark_confidence for row in read_manifest_rows(tmp_path / "out").values()
    ]
    if rule == "single":
        assert np.isnan(sure).all()
    else:
        assert min(sure) > 0.8 and max(sure) < 1
    record = json.loads((tmp_path / "out" / "align.json").read_text())
    assert record["settings"]["detector"]["landmark_rule"] == rule
    page = (tmp_path / "out" / "audit.html").read_text("utf-8")
    assert ("Least certain landmarks" in page) == (rule == "consensus")


def test_names_of_further_faces():
    assert crop_name("Ada/a.JPG", 2) == "Ada/a#2.jpg"
    assert crop_name("Ada/a.png", 3) == "Ada/a.png#3.jpg"
    assert crop_name("Ada/a.jpg", exact=True) == "Ada/a.png"
    assert row_name("Ada/a.jpg", 1) == "Ada/a.jpg"
    assert is_further_face(row_name("Ada/a.jpg", 12))
    assert not is_further_face("Ada/a#2.jpg")


def test_photo_that_could_be_a_further_face_is_refused(source, tmp_path):
    (source / "Ada" / "1.jpg").rename(source / "Ada" / "2#2.jpg")
    with pytest.raises(InputError, match="could be that of a further face"):
        align_photos(source, tmp_path / "out", processes=1, choice="all")
    assert align_photos(source, tmp_path / "out", processes=1).photos == 3


def test_overlap_of_casia_and_lfw_is_built_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [f"{name}/1.jpg" for name in ("0000045", "0166921", "1056413", "1193098")]
    kept, count = without_identities(names, read_exclusions("casia-lfw"))
    assert (kept, count) == (("0000045/1.jpg",), 3)
    with pytest.raises(InputError, match="no such list .*nothing .built in: casia-lfw"):
        read_exclusions("nothing")


def test_excluded_people_have_no_crops_and_no_records(source, tmp_path, capsys):
    out, people = tmp_path / "out", tmp_path / "people.txt"
    people.write_text("Eve\nNobody\n")
    assert main([str(source), "--out", str(out), "--processes", "1"]) == 0
    capsys.readouterr()
    packed = [str(out), "--out", str(tmp_path / "records"), "--exclude", str(people)]
    assert records_command.main(packed) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["records"], summary["excluded_identities"]) == (2, 1)
    options = ["--exclude", str(people), "--processes", "1"]
    assert main([str(source), "--out", str(out), *options]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["photos"], summary["excluded_identities"]) == (2, 1)
    assert not (out / "Eve").exists()


def test_excluding_everyone_is_bad_input(source, tmp_path):
    with pytest.raises(InputError, match="all identities of .* are excluded"):
        align_photos(source, tmp_path / "out", exclude=("Ada", "Eve"))
