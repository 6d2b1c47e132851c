"""Tests for tf_sphereface.evaluation.rates.curves, report_types and pages.pictures."""

import dataclasses
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.page_reader import read_page
from tf_sphereface.evaluation import ModelInfo, evaluate_features, write_report
from tf_sphereface.evaluation.pages.plots import curves_svg, overlay_svg
from tf_sphereface.evaluation.rates.curves import angle_curves, rate_curves
from tf_sphereface.evaluation.report_types import (
    Curve,
    Report,
    Table,
    percent,
    without_nan,
)


def test_curves_have_the_best_rates_within_each_far():
    rng = np.random.default_rng(0)
    same = np.arange(60) % 3 > 0
    scores = np.round(rng.normal(size=60) + same, 1)  # with ties
    roc, det = rate_curves(scores, same)
    for far, tar, frr in zip(roc.x, roc.y, det.y, strict=True):
        allowed = [
            (scores[same] >= t).mean()
            for t in (*scores, scores.max() + 1)
            if (scores[~same] >= t).mean() <= far * (1 + 1e-9)
        ]
        assert tar == pytest.approx(max(allowed))
        assert frr == pytest.approx(1 - max(allowed))
    assert (roc.x[0], roc.x[-1]) == (pytest.approx(1 / 40), 1)


def test_angles_are_shares_of_the_known_pairs_of_each_kind():
    # Cosines of 0, 60 and 61 degrees; the genuine pair at 0 is twice there.
    cosines = np.cos(np.radians([0.0, 0.0, 60.5, 61.5, 179.9]))
    scores = np.append(cosines, np.nan)
    same = np.array([True, True, True, False, False, True])
    genuine, impostor = angle_curves(scores, same)
    shares = {x: y for x, y in zip(genuine.x, genuine.y, strict=True) if y}
    assert shares == {1: pytest.approx(2 / 3), 61: pytest.approx(1 / 3)}
    shares = {x: y for x, y in zip(impostor.x, impostor.y, strict=True) if y}
    assert shares == {61: 0.5, 179: 0.5}


@pytest.mark.parametrize(
    ("x", "y", "kind"),
    [([0, 1], [0], "roc"), ([0], [math.nan], "roc"), ([[0]], [[0]], "roc")],
)
def test_curve_of_other_shapes_or_nan_is_refused(x, y, kind):
    with pytest.raises(ValueError, match="`x` and `y` must be finite"):
        Curve("a", kind, x, y)


def test_curve_of_an_own_kind_needs_labels():
    with pytest.raises(ValueError, match="`labels` must be .* kind='speed'"):
        Curve("a", "speed", [0], [1])
    assert Curve("a", "speed", [0], [1], ("s", "m")).labels == ("s", "m")


@pytest.mark.parametrize("kind", ["roc", "det", "cmc", "dir", "angles", "own"])
def test_every_kind_is_drawn_alone_and_over_others(kind):
    x = np.array([1.0, 2.0, 30.0]) / (1 if kind in ("cmc", "angles", "own") else 30)
    curve = Curve("genuine", kind, x, [0.2, 0.5, 0.9], ("across", "up"))
    assert "across" in curves_svg([curve], "one")
    overlay = overlay_svg([("first", [curve]), ("second", [curve, curve])], "two")
    for label in ("first", "second"):
        assert overlay.count(f">{label}<") == 1


@pytest.mark.parametrize(
    "name", ["$a$", r"$\frac$", "1$", "_run", "\u65e5\u672c", "a&<b>"]
)
def test_names_of_models_are_shown_as_they_are(name):
    curve = Curve("all pairs", "roc", [0.1, 1], [0.5, 1])
    svg = overlay_svg([(name, [curve]), ("other", [curve])], "roc")
    texts = [
        element.text.strip()
        for element in ElementTree.fromstring(svg).iter()
        if element.tag.endswith("text")
    ]
    assert name in texts and "other" in texts


def test_det_without_errors_is_drawn():
    roc, det = rate_curves(np.array([0.9, 0.1]), np.array([True, False]))
    assert det.y.max() == 0 and "DET" in curves_svg([det], "det")
    assert "ROC" in curves_svg([roc], "roc")


def test_curves_of_two_kinds_are_not_drawn_together():
    curves = [Curve("a", kind, [0.1, 1], [0.1, 1]) for kind in ("roc", "det")]
    with pytest.raises(ValueError, match=r"one kind. Received: \['det', 'roc'\]"):
        curves_svg(curves, "plot")


def test_nan_becomes_none_at_every_depth():
    value = {"a": (math.nan, 1.5), "b": {"c": [math.nan]}, "d": "nan"}
    assert without_nan(value) == {"a": [None, 1.5], "b": {"c": [None]}, "d": "nan"}
    assert (percent(0.99275), percent(math.nan)) == ("99.28 %", "not measured")


@pytest.fixture(scope="module")
def judged():
    """Four people in the plane, 0, 1, 90 and 91 degrees, two photos of each.

    By angle the two people at 0 and 1 degrees are one, and so are the others. The
    second photo of the last person lies 50 degrees off: that genuine pair is the most
    unlike of all.
    """
    degrees = np.radians([0, 0.1, 1, 1.1, 90, 90.1, 91, 141])
    features = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    left, right = [0, 2, 4, 6, 0, 1, 4, 0], [1, 3, 5, 7, 2, 3, 6, 5]
    report = evaluate_features(
        features, left, right, np.arange(8) < 4, fold=[0, 1, 0, 1, 0, 1, 1, 0]
    )
    names = [f"{'ABCD'[row // 2]}/{row % 2}.png" for row in range(8)]
    pairs = tuple((names[a], names[b]) for a, b in zip(left, right, strict=True))
    return dataclasses.replace(report, photo_pairs=pairs)


def test_worst_errors_come_first_of_each_kind(judged):
    threshold = judged.operating.accuracy.threshold
    errors = judged.worst_errors()
    assert [error[:3] for error in errors if error.same] == [("D/0.png", "D/1.png", 1)]
    assert errors[-1].score == pytest.approx(math.cos(math.radians(50)))
    for error in errors:
        assert (error.score >= threshold) is not error.same
    accepted = [error.score for error in errors if not error.same]
    assert accepted == sorted(accepted, reverse=True)
    assert len(judged.worst_errors(most=1)) <= 2
    assert judged.to_json()["worst_errors"][0].keys() == {
        *("left", "right", "same", "score")
    }


def test_faces_are_on_the_page_only_if_asked_for(judged, tmp_path):
    pixels = np.full((112, 96, 3), 128, np.uint8)
    (tmp_path / "D").mkdir()
    Image.fromarray(pixels).save(tmp_path / "D/0.png")
    info = ModelInfo("m.keras", "0" * 64)
    for images_dir, pictures in ((None, 0), (tmp_path, 1)):
        out = tmp_path / f"out {pictures}"
        write_report(judged, out, "evaluate", info, images_dir=images_dir)
        text = (out / "report.html").read_text("utf-8")
        assert read_page(text).tags.count("img") == pictures
        assert "D/0.png <b>and</b> D/1.png" in text
        assert ("not readable" in text) == (pictures == 1)  # D/1.png is not there


@dataclasses.dataclass(frozen=True)
class OtherReport(Report):
    """A protocol that the page knows nothing about."""

    protocol = "nearest"
    notes = ("Too few <people>.",)

    def headline(self):
        return [("Rank 1", "90.00 %"), ("DIR", "not measured")]

    def verdict(self):
        return "Nine of ten & more."

    def tables(self):
        return [Table("By <age>", "In years.", ("age", "n"), (("9", "not measured"),))]

    def curves(self):
        return [Curve("all", "cmc", [1, 2, 3], [0.9, 0.95, 1])]

    def to_json(self):
        return {"protocol": "nearest", "counts": {"probes": 1200, "without_mate": 0}}


def test_page_of_any_protocol_is_whole(tmp_path):
    list_file = tmp_path / "probes.txt"
    list_file.write_bytes(b"abc")
    content = write_report(
        *(OtherReport(), tmp_path / "out", "cmd", ModelInfo("x.npz", "1" * 64)),
        inputs={"probes": list_file},
    )
    assert content["inputs"]["probes"]["sha256"].startswith("ba7816bf8f01cfea")
    assert content["headline"][0] == ["Rank 1", "90.00 %"]
    text = (tmp_path / "out/report.html").read_text("utf-8")
    assert read_page(text).tags.count("svg") == 1
    for words in ("Too few &lt;people&gt;.", "Nine of ten &amp; more.", "90.00 %"):
        assert words in text
    assert "Probes whose person is among" in text  # what "Rank 1" means
    assert "By &lt;age&gt;" in text and "1,200 probes" in text
    assert text.count('<span class="none">not measured</span>') == 2


def test_intervals_and_groups_are_on_the_page(judged, tmp_path):
    from tf_sphereface.evaluation.verification.results import (
        GroupPoint,
        GroupRates,
        Interval,
        OperatingInterval,
        VerificationIntervals,
    )

    unknown = Interval(math.nan, math.nan)
    point = GroupPoint(0.1, 0.5, 0.25, Interval(0.125, 0.5), math.nan, unknown)
    report = dataclasses.replace(
        judged,
        intervals=VerificationIntervals(
            confidence=0.9,
            resamples=200,
            people=40,
            accuracy=Interval(0.5, 0.75),
            auc=unknown,
            eer=Interval(0.1, 0.2),
            tar_at_far=dict.fromkeys(judged.tar_at_far, unknown),
            at_far=(OperatingInterval(0.1, Interval(0.3125, 0.4375), unknown),),
        ),
        groups=(GroupRates("north & west", 2, 1200, 0, (point,)),),
        operating=dataclasses.replace(
            judged.operating,
            at_far=(dataclasses.replace(judged.operating.eer, far_target=0.1),),
        ),
    )
    write_report(report, tmp_path, "evaluate", ModelInfo("m", "0" * 64))
    text = (tmp_path / "report.html").read_text("utf-8")
    read_page(text)
    for words in (
        "90% interval 50.00 % to 75.00 %.",
        "90% interval 10.00 % to 20.00 %.",
        "200 resamples of the 40 people",
        '<span class="change">0.3125 to 0.4375</span>',
        "north &amp; west",
        '25.00 %<span class="change">12.50 % to 50.00 %</span>',
    ):
        assert words in text
    assert "nan" not in text.split("</style>")[1].lower().replace("name", "")


def test_rule_of_insightface_is_told_in_its_own_words(judged, tmp_path):
    report = dataclasses.replace(judged, rule="insightface")
    write_report(report, tmp_path, "evaluate", ModelInfo("m", "0" * 64))
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "under InsightFace&#39;s rule" in text and "subtracted" not in text


def test_verdict_says_what_the_threshold_does(judged):
    point = dataclasses.replace(
        judged.operating.eer, far_target=0.01, far=0.005, tar=0.9, threshold=0.43
    )
    operating = dataclasses.replace(judged.operating, at_far=(point,))
    verdict = dataclasses.replace(judged, operating=operating).verdict()
    assert "threshold 0.4300 (cosine), 1 of 200 pairs of strangers" in verdict
    assert "of 1,000 pairs of one person 100 are rejected" in verdict
