"""Tests for tf_sphereface.evaluation.templates."""

import json
import math

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.templates import (
    TemplatePairs,
    evaluate_templates,
    pool_templates,
    read_photo_list,
    read_subjects,
    read_template_pairs,
)


def test_media_are_pooled_first_by_hand():
    """Template 7: three frames along x of video 1, one photo (media 2) along y.

    The media means are x and y, so the template points halfway between them: the
    frames do not outvote the photo. Without media it would point to (3, 1).
    Template 9 has one photo, of length 5.
    """
    embeddings = [[2, 0], [1, 0], [9, 0], [0, 4], [3, 4]]
    pooled = pool_templates(
        np.array(embeddings, float), np.array([7, 7, 7, 7, 9]), [1, 1, 1, 2, 1]
    )
    assert pooled.ids.tolist() == [7, 9]
    half = math.sqrt(0.5)
    np.testing.assert_allclose(pooled.embeddings, [[half, half], [0.6, 0.8]], atol=1e-6)


def test_pooling_equals_plain_loops():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(200, 5))
    embeddings[rng.random(200) < 0.2] = np.nan
    template, media = rng.integers(0, 12, 200) * 3, rng.integers(0, 6, 200)
    embeddings[template == 9] = np.nan
    pooled = pool_templates(embeddings, template, media)
    for number, found in zip(pooled.ids, pooled.embeddings, strict=True):
        media_means = []
        for medium in range(6):
            rows = [
                e / math.sqrt((e**2).sum())
                for e, t, m in zip(embeddings, template, media, strict=True)
                if t == number and m == medium and not np.isnan(e).any()
            ]
            if rows:
                media_means.append(sum(rows) / len(rows))
        if not media_means:
            assert number == 9
            assert np.isnan(found).all()
            continue
        mean = sum(media_means) / len(media_means)
        np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-5)


def test_lists_of_unlike_lengths_are_refused():
    with pytest.raises(ValueError, match="3, 2 and 3"):
        pool_templates(np.ones((3, 2)), [1, 2], [1, 2, 3])


def templates_of(vectors):
    """Template i is vectors[i], one photo each."""
    numbers = np.arange(len(vectors))
    return pool_templates(np.array(vectors, float), numbers, numbers)


def test_verification_by_hand():
    """Scores: genuine 0~1 0.8, 2~3 1.0; impostor 0~2 0, 1~2 0.6, 0~4 without a photo.

    The last counts as accepted, so with one acceptance allowed of three (FAR 1/3) the
    threshold lies above 0.6: both genuine pairs pass. The genuine pair 2~4 does not.
    """
    templates = templates_of([[1, 0], [0.8, 0.6], [0, 1], [0, 2], [math.nan, 0]])
    pairs = TemplatePairs(
        left=np.array([0, 2, 0, 1, 0, 2]),
        right=np.array([1, 3, 2, 2, 4, 4]),
        same=np.array([True, True, False, False, False, True]),
    )
    report = evaluate_templates(templates, pairs, fars=(1 / 3, 1e-3))
    assert report.falling == pytest.approx([1.0, 0.6, 0.0])
    assert report.tar_at_far[1 / 3].tar == pytest.approx(2 / 3)
    assert report.tar_at_far[1 / 3].threshold == pytest.approx(0.8)
    assert math.isnan(report.tar_at_far[1e-3].tar)
    assert any("1 of 5 templates have no photo" in note for note in report.notes)
    json.dumps(report.to_json(), allow_nan=False)
    assert report.verdict() == (
        "Where 1 of 3 pairs of strangers is accepted, of 1,000 pairs of one person's "
        "templates 333 are rejected."
    )
    unmeasured = evaluate_templates(templates, pairs, fars=(1e-3,))
    assert unmeasured.verdict() == ""


def test_search_in_two_galleries_by_hand():
    """Gallery 1 has Ann (x), gallery 2 has Bob (y). Probes: Ann (0.8, 0.6), Bob (0, 1).

    Together: both at rank 1. In gallery 1 Bob is unknown and scores 0: Ann's 0.8 is
    above. In gallery 2 Ann is unknown and scores 0.6, below Bob's 1. DIR is 1 at FPIR
    1; FPIR 0.1 would need ten unknown probes.
    """
    templates = templates_of([[1, 0], [0, 1], [0.8, 0.6], [0, 1]])
    galleries = [(np.array([0]), np.array(["A"])), (np.array([1]), np.array(["B"]))]
    probes = (np.array([2, 3]), np.array(["A", "B"]))
    report = evaluate_templates(templates, None, galleries, probes, fpirs=(1.0, 0.1))
    assert report.closed.ranks.tolist() == [1, 1]
    assert [part.stranger_scores.tolist() for part in report.open] == [
        pytest.approx([0.0]),
        pytest.approx([0.6]),
    ]
    assert report.dir_at_fpir()[1.0] == 1.0
    assert math.isnan(report.dir_at_fpir()[0.1])
    labels = dict(report.headline())
    assert labels["FNIR at FPIR 1"] == "0.00 %"
    assert labels["FNIR at FPIR 0.1"] == "not measured"
    assert {curve.kind for curve in report.curves()} == {"cmc", "dir"}


def test_one_gallery_that_knows_everyone_is_a_closed_set():
    templates = templates_of([[1, 0], [0, 1]])
    subjects = (np.array([0, 1]), np.array(["A", "B"]))
    report = evaluate_templates(templates, None, [subjects], subjects)
    assert (report.closed.rank_1, report.open) == (1.0, ())


def test_something_must_be_asked():
    templates = templates_of([[1, 0]])
    with pytest.raises(InputError, match="pairs missing, 0 galleries, probes missing"):
        evaluate_templates(templates)
    with pytest.raises(InputError, match="1 galleries, probes missing"):
        subjects = (np.array([0]), np.array(["A"]))
        evaluate_templates(templates, None, [subjects])


def test_lists_are_read(tmp_path):
    (tmp_path / "photos.txt").write_text("1.jpg 1 69544\n2.jpg 1 3720\n")
    photos = read_photo_list(tmp_path / "photos.txt")
    assert photos.names == ("1.jpg", "2.jpg")
    assert (photos.template.tolist(), photos.media.tolist()) == ([1, 1], [69544, 3720])
    (tmp_path / "pairs.txt").write_text("1 11065 1\n171707 185794 0\n")
    pairs = read_template_pairs(tmp_path / "pairs.txt")
    assert pairs.left.tolist() == [1, 171707]
    assert pairs.same.tolist() == [True, False]
    (tmp_path / "g.csv").write_text(
        "TEMPLATE_ID,SUBJECT_ID,FILE\n5,17,a\n2,4,b\n5,17,c"
    )
    numbers, subjects = read_subjects(tmp_path / "g.csv")
    assert (numbers.tolist(), subjects.tolist()) == ([2, 5], ["4", "17"])


@pytest.mark.parametrize(
    ("read", "content", "message"),
    [
        (read_photo_list, "1.jpg 1\n", "line 1: .*NAME TEMPLATE MEDIA"),
        (read_photo_list, "1.jpg 1 x\n", "line 1"),
        (read_photo_list, f"1.jpg {9**20} 1\n", "line 1"),  # not in 64 bits
        (read_subjects, f"T,S\n{9**20},1\n", "line 2"),
        (read_photo_list, "\n", "not be empty"),
        (read_template_pairs, "1 2\n", "TEMPLATE TEMPLATE"),
        (read_template_pairs, "1 2 x\n", "TEMPLATE TEMPLATE"),
        (read_template_pairs, "1 2 3\n", "TEMPLATE TEMPLATE"),
        (read_template_pairs, "", "TEMPLATE TEMPLATE"),
        (read_template_pairs, "1 2 1\n", "genuine .* impostor"),
        (read_subjects, "T,S\n", "line of headings and a template"),
        (read_subjects, "T,S\nx,1\n", "line 2"),
        (read_subjects, "T,S\n1,1\n1,2\n", "line 3: .*template 1 of 1 and 2"),
    ],
)
def test_bad_lists_are_refused(tmp_path, read, content, message):
    (tmp_path / "list").write_text(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "list")
    with pytest.raises(
        InputError, match="no such list|cannot read the list: .*none not found"
    ):
        read(tmp_path / "none")
