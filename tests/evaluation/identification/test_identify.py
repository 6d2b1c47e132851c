"""Tests for tf_sphereface.evaluation.identification: ranks, open set, missing photos.

The oracle scores photo with photo in float64 and counts in plain loops.
"""

import json
import math

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.identification import (
    FaceSet,
    evaluate_identification,
    face_set,
)


def faces(*rows):
    """FaceSet of (person, *embedding)."""
    people = np.array([row[0] for row in rows])
    names = [f"{row[0]}/{number}.jpg" for number, row in enumerate(rows)]
    return FaceSet(np.array([row[1:] for row in rows], float), people, names)


def simulated(seed=0, dim=6, people=12, strangers=300):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people + 5, dim))
    # The last five people are in no gallery.
    who = np.concatenate([rng.integers(0, people, 40), np.arange(people, people + 5)])
    probes = centres[who] + 0.8 * rng.normal(size=(len(who), dim))
    enrolled = np.concatenate([np.arange(people), rng.integers(0, people, 10)])
    gallery = centres[enrolled] + 0.8 * rng.normal(size=(len(enrolled), dim))
    return (
        FaceSet(probes, np.array([f"p{i:02d}" for i in who])),
        FaceSet(gallery, np.array([f"p{i:02d}" for i in enrolled])),
        rng.normal(size=(strangers, dim)),
    )


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def slow_search(probes, gallery, strangers):
    """Mate score, rank and all scores with others of each probe, photo by photo.

    The mate score and the rank of a probe of nobody in the gallery are None.
    """
    results = []
    for number, (probe, person) in enumerate(
        zip(probes.embeddings, probes.people, strict=True)
    ):
        best = {}
        enrolled = probes if gallery is None else gallery
        for place, (photo, name) in enumerate(
            zip(enrolled.embeddings, enrolled.people, strict=True)
        ):
            if gallery is not None or place != number:
                best[name] = max(best.get(name, -2), cosine(probe, photo))
        others = [score for name, score in best.items() if name != person]
        others += [cosine(probe, stranger) for stranger in strangers]
        mate = best.get(person)
        rank = None if mate is None else 1 + sum(score >= mate for score in others)
        results.append((mate, rank, others))
    return results


@pytest.mark.parametrize("crowd", [True, False], ids=["distractors", "gallery alone"])
@pytest.mark.parametrize("gallery", [True, False], ids=["gallery", "each with others"])
def test_all_figures_equal_the_slow_oracle(gallery, crowd):
    probes, enrolled, strangers = simulated()
    enrolled = enrolled if gallery else None
    strangers = strangers if crowd else strangers[:0]
    report = evaluate_identification(
        probes, enrolled, strangers, fars=(0.1, 0.01, 1e-3), fpirs=(0.5, 0.2)
    )
    slow = slow_search(probes, enrolled, strangers)
    ranks = [rank for _, rank, _ in slow if rank is not None]
    assert report.ranks.tolist() == ranks
    assert report.cmc == tuple(
        pytest.approx(sum(rank <= k for rank in ranks) / len(ranks))
        for k in range(1, len(report.cmc) + 1)
    )
    assert 0.02 < report.cmc[0] < 0.95
    impostors = sorted((s for _, _, others in slow for s in others), reverse=True)
    assert report.counts["impostor_pairs"] == len(impostors)
    mates = [mate for mate, _, _ in slow if mate is not None]
    for far, point in report.tar_at_far.items():
        if far * len(impostors) < 1:
            assert math.isnan(point.tar)
            continue
        barrier = impostors[int(far * len(impostors))]
        expected = sum(mate > barrier for mate in mates) / len(mates)
        assert point.tar == pytest.approx(expected)
    alarms = sorted((max(o) for mate, _, o in slow if mate is None), reverse=True)
    assert len(alarms) >= 5
    for fpir, point in report.dir_at_fpir.items():
        barrier = alarms[int(fpir * len(alarms))]
        found = sum(mate > barrier for mate, rank, _ in slow if rank == 1)
        assert point.tar == pytest.approx(found / len(mates))


def test_identification_by_hand():
    """Ann and Bob are enrolled, along the axes x and y; a stranger lies along z.

    Probes: Ann at (3, 1, 0) scores 0.95 with Ann and 0.32 with Bob: rank 1.
    Bob at (2, 1, 2) scores 0.33 with himself, 0.67 with Ann and the stranger: rank 3.
    Cy at (0, 1, 1) is not enrolled and scores 0.71 with Bob: an alarm up to 0.71.
    One unknown probe supports FPIR 1 alone: then Ann is found, so DIR is 1/2.
    """
    report = evaluate_identification(
        faces(("Ann", 3, 1, 0), ("Bob", 2, 1, 2), ("Cy", 0, 1, 1)),
        faces(("Ann", 1, 0, 0), ("Bob", 0, 9, 0)),
        np.array([[0, 0, 1]]),
        fars=(0.5,),
        fpirs=(1.0, 0.1),
    )
    assert report.ranks.tolist() == [1, 3]
    assert report.cmc == (0.5, 0.5, 1.0)
    assert report.dir_at_fpir[1.0].tar == 0.5
    assert math.isnan(report.dir_at_fpir[0.1].tar)
    assert report.stranger_scores == pytest.approx([math.sqrt(0.5)])
    # Impostors: Ann .32 0, Bob .67 .67, Cy 0 .71 .71; half of the 7 allows three.
    # The next is one of the .67 (of .71 .71 .67 .67): only Ann's .95 is above it.
    assert report.tar_at_far[0.5].tar == 0.5
    assert report.counts["impostor_pairs"] == 7
    assert any("1 of 3 probes" in note for note in report.notes)
    assert any("FPIR 0.1 needs at least 10" in note for note in report.notes)


def test_ties_count_against_the_model():
    """A model that gives one embedding to all finds nobody."""
    probes = faces(("a", 1, 0), ("b", 1, 0))
    report = evaluate_identification(probes, probes, np.array([[1, 0], [1, 0]]))
    assert report.cmc == (0.0, 0.0, 0.0, 1.0)


def test_a_person_scores_as_the_best_photo():
    """Three bad photos of Bob are one rival of Ann, not three."""
    gallery = faces(
        ("Ann", 1, 1), ("Bob", 1, 0), ("Bob", 2, 0.1), ("Bob", 1, 0.2), ("Ann", 0, -1)
    )
    report = evaluate_identification(faces(("Ann", 1, 0)), gallery)
    assert report.ranks.tolist() == [2]


def missing_case():
    nan = math.nan
    probes = faces(("a", 1, 0), ("a", nan, nan), ("b", 0, 1), ("u", nan, nan))
    gallery = faces(("a", 1, 0), ("b", nan, nan))
    return probes, gallery


def test_missing_photos_count_as_wrong():
    """a: found, and missing. b: has no photo in the gallery. u: taken for someone."""
    report = evaluate_identification(*missing_case(), fpirs=(1.0,))
    assert report.cmc[-1] == pytest.approx(1 / 3)
    assert report.stranger_scores.tolist() == [1.0]
    assert report.missing_photos == ("a/1.jpg", "b/1.jpg", "u/3.jpg")
    assert report.counts["missing_photos"] == 3
    assert any("counts as wrong" in note for note in report.notes)


def test_missing_photos_may_be_left_out():
    report = evaluate_identification(*missing_case(), missing="skip")
    assert (report.cmc, report.counts["probes"]) == ((1.0,), 1)
    assert any("left out" in note for note in report.notes)


def test_missing_photos_may_be_an_error():
    with pytest.raises(InputError, match="probes .* 2 missing, the first is a/1.jpg"):
        evaluate_identification(*missing_case(), missing="error")


def test_missing_distractors_are_left_out():
    probes = faces(("a", 1, 0))
    crowd = np.array([[1, 0], [np.nan, 0], [0, 1]])
    report = evaluate_identification(probes, probes, crowd)
    assert (report.ranks.tolist(), report.counts["distractors"]) == ([2], 2)
    assert report.counts["distractors_missing"] == 1


def test_closed_set_without_a_mate_is_refused():
    with pytest.raises(InputError, match="its person in the gallery"):
        evaluate_identification(faces(("a", 1, 0)), faces(("b", 1, 0)))


def test_embeddings_of_two_models_are_refused():
    with pytest.raises(InputError, match="one size, from one model"):
        evaluate_identification(faces(("a", 1, 0)), faces(("a", 1, 0, 0)))
    with pytest.raises(InputError, match="probes and distractors"):
        evaluate_identification(*[faces(("a", 1, 0))] * 2, np.ones((2, 3)))


def test_all_photos_missing_is_refused():
    nothing = faces(("a", np.nan, np.nan))
    with pytest.raises(InputError, match="none of the photos"):
        evaluate_identification(nothing, faces(("a", 1, 0)))


def test_lengths_of_embeddings_do_not_matter():
    probes, gallery, strangers = simulated(1)
    scale = np.random.default_rng(0).uniform(0.1, 9, size=(len(probes.people), 1))
    scaled = probes._replace(embeddings=probes.embeddings * scale)
    one, other = (
        evaluate_identification(p, gallery, strangers) for p in (probes, scaled)
    )
    assert one.cmc == other.cmc


def test_bad_arguments_are_named():
    probes = faces(("a", 1, 0))
    with pytest.raises(ValueError, match="max_rank=0"):
        evaluate_identification(probes, probes, max_rank=0)
    with pytest.raises(ValueError, match="missing='maybe'"):
        evaluate_identification(probes, probes, missing="maybe")
    with pytest.raises(InputError, match="PERSON/FILE.*'lone.jpg'"):
        face_set(np.ones((1, 2)), ["lone.jpg"])
    with pytest.raises(ValueError, match="names=2"):
        face_set(np.ones((1, 2)), ["a/b.jpg", "a/c.jpg"])


def test_report_is_json_and_has_its_curves():
    report = evaluate_identification(*simulated(2), fars=(0.1, 1e-9), fpirs=(0.2,))
    content = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert content["rank_1"] == report.cmc[0]
    assert content["tar_at_far"][1]["tar"] is None
    labels = dict(report.headline())
    assert labels["TAR at FAR 1e-09"] == "not measured"
    curves = {curve.kind: curve for curve in report.curves()}
    assert set(curves) == {"cmc", "roc", "dir"}
    for curve in curves.values():
        assert (np.diff(curve.x) > 0).all() and (np.diff(curve.y) >= 0).all()
    assert curves["roc"].y[-1] <= 1 and curves["roc"].name.startswith("ROC up to FAR")


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_extreme_lengths_of_embeddings_do_not_matter(scale):
    # float32 squares of both overflow, or vanish.
    probes, gallery, strangers = simulated(1)
    one = evaluate_identification(probes, gallery, strangers)
    sets = (s._replace(embeddings=s.embeddings * scale) for s in (probes, gallery))
    other = evaluate_identification(*sets, strangers * scale)
    assert (one.cmc, one.counts) == (other.cmc, other.counts)
    np.testing.assert_allclose(one.mate_scores, other.mate_scores, atol=1e-6)


def test_photos_in_probes_and_gallery_are_noted():
    gallery = faces(("a", 1, 0), ("b", 0, 1))
    probes = faces(("a", 1, 0), ("b", 1, 0), ("a", 1, 0.1), ("a", np.nan, 0))
    notes = evaluate_identification(probes, gallery).notes
    # The second has the embedding of another person's photo: a bad model, no copy.
    assert sum("1 of 4 probes have the very embedding" in note for note in notes) == 1
    notes = evaluate_identification(probes).notes  # each against all others
    assert not any("very embedding" in note for note in notes)


def test_first_folder_is_the_person():
    names = ["a/video/1.jpg", "a/2.jpg", "b/video/1.jpg"]
    assert face_set(np.eye(3), names).people.tolist() == ["a", "a", "b"]


def test_curves_that_cannot_be_drawn_are_left_out():
    # Rank 1 alone is a point; with one score for all, FAR is 0 or nothing is known.
    same = faces(("a", 1, 0), ("a", 1, 0), ("b", 1, 0), ("b", 1, 0))
    report = evaluate_identification(same, max_rank=1, fars=(0.25,))
    assert report.curves() == [] and report.rank_1 == 0
