"""Tests for tf_sphereface.evaluation.stored.writer, its page and its plots."""

import dataclasses
import hashlib
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import tf_sphereface
from tests.page_reader import read_page
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import (
    ModelInfo,
    describe_model,
    evaluate_features,
    write_report,
)
from tf_sphereface.evaluation.pages.plots import curves_svg
from tf_sphereface.evaluation.rates.curves import angle_curves, rate_curves
from tf_sphereface.evaluation.report_types import Figure
from tf_sphereface.evaluation.stored.reader import read_report

NASTY = "<script>alert('x')</script> & \"Zoë\""


@pytest.fixture(scope="module")
def report():
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(20, 8)), 2, axis=0)
    features += 0.7 * rng.normal(size=features.shape)
    features[5] = np.nan
    evens = np.arange(0, 40, 2)
    left = np.concatenate([evens, evens])
    right = np.concatenate([evens + 1, (evens + 2) % 40])
    report = evaluate_features(
        features, left, right, same=np.arange(40) < 20, fold=np.arange(40) % 4
    )
    return dataclasses.replace(
        report,
        source_kind="keras",
        embedding_dim=4,
        mirror=True,
        milliseconds_per_face=2.5,
        missing_photos=(NASTY,),
    )


@pytest.fixture(scope="module")
def written(report, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "new folder" / "ü"
    info = ModelInfo(f"models/{NASTY}.keras", "ab" * 32, "int8")
    content = write_report(report, out, f"sphereface evaluate '{NASTY}'", info)
    return content, out


@pytest.fixture(scope="module")
def text(written):
    return (written[1] / "report.html").read_text("utf-8")


def test_page_is_whole_and_fetches_nothing(text):
    page = read_page(text)
    assert page.tags.count("svg") == 4
    assert "img" not in page.tags  # no face of anyone, unless asked for


def test_every_reference_has_its_target(text):
    page = read_page(text)
    references = page.addresses + re.findall(r"url\(([^)]*)", text)
    assert {reference[1:] for reference in references} <= set(page.ids)


def test_names_are_escaped(text):
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(&#39;x&#39;)") >= 3


def test_page_has_the_figures_and_a_dark_side(text, report):
    assert f"{100 * report.accuracy:.2f} %" in text
    assert f"{report.operating.accuracy.threshold:.4f}" in text
    assert "not measured" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def cards_of(text):
    """Words of each card, by its heading."""
    cards = re.findall(r'<div class="card"><h3>(.*?)</h3>(.*?)</div>', text)
    return {name: re.sub("<[^>]*>", " ", content) for name, content in cards}


def test_card_of_a_measured_rate_says_what_it_is(text):
    assert "accepted when 1 in 10 impostor pairs" in cards_of(text)["TAR at FAR 0.1"]


def test_card_of_an_unmeasured_rate_says_what_it_takes(text):
    assert "TAR at FAR 0.001" not in cards_of(text)  # the largest is enough
    card = cards_of(text)["TAR at FAR 0.01"]
    assert "not measured" in card and "accepted" not in card
    assert "100 impostor pairs at least; these are 20." in card


def test_page_says_which_scores_each_figure_is_of(text):
    words = " ".join(text.split())
    before_cards, after_cards = words.split('<div class="cards">')
    assert "under the rule of LFW: the mean" in before_cards
    phone = after_cards.split('<h2 id="phone">')[1].split("<table")[0]
    assert "plain cosines, as a phone" in phone and "differ" in phone
    roc = after_cards.split("<h2>")[2]
    assert 'aria-label="DET' in roc
    assert "ROC curve of the scores under the protocol" in roc
    assert 'aria-label="ROC' in roc


def test_json_file_has_all_that_the_report_promises(written, report):
    content, out = written
    raw = (out / "report.json").read_text("utf-8")
    assert json.loads(raw) == content
    assert "NaN" not in raw
    assert content["schema_version"] == 2
    assert content["library_version"] == tf_sphereface.__version__
    assert content["protocol"] == "lfw"
    assert content["command"] == f"sphereface evaluate '{NASTY}'"
    assert content["model"]["sha256"] == "ab" * 32
    assert content["model"]["variant"] == "int8"
    assert content["accuracy"] == report.accuracy
    assert content["counts"] == {
        "folds": 4,
        "pairs": 40,
        "genuine": 20,
        "impostor": 20,
        "pairs_with_a_missing_photo": 1,
        "missing_photos": 1,
    }
    assert content["milliseconds_per_face"] == 2.5
    assert len(content["protocol_folds"]) == 4
    unsupported = content["operating_thresholds"]["at_far"][2]
    assert (unsupported["far_target"], unsupported["threshold"]) == (0.001, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", content["date"])


def test_only_the_three_files_are_left(written):
    assert sorted(p.name for p in written[1].iterdir()) == [
        "curves.json",
        "report.html",
        "report.json",
    ]


def test_plots_are_svg_that_stands_alone_and_is_the_same_every_time(report):
    for draw in (
        lambda: curves_svg(rate_curves(report.scores, report.same)[:1], "roc"),
        lambda: curves_svg(rate_curves(report.scores, report.same)[1:], "det"),
        lambda: curves_svg(angle_curves(report.plain_scores, report.same), "a", 0.3),
    ):
        svg = draw()
        assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
        assert svg == draw()


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 1.0])
def test_histogram_of_equal_scores_and_extreme_thresholds_is_drawn(threshold):
    curves = angle_curves(np.ones(4), np.array([True, True, False, False]))
    svg = curves_svg(curves, "angles", threshold)
    assert f"cosine {threshold:.4f}" in svg


def test_file_is_described_by_its_hash(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"abc")
    info = describe_model(tmp_path / "m.keras", "int8")
    assert info.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert (info.path, info.variant) == ("m.keras", "int8")


def test_hash_of_a_folder_tells_names_and_contents_apart(tmp_path):
    hashes = set()
    for files in ({"a": b"1", "b": b"2"}, {"a": b"2", "b": b"1"}, {"a": b"1"}):
        folder = tmp_path / str(len(hashes))
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        hashes.add(describe_model(folder).sha256)
        assert describe_model(folder).sha256 in hashes
    assert len(hashes) == 3


def test_missing_model_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no such model"):
        describe_model(tmp_path / "none.keras")


def test_figures_are_part_of_the_page(report, tmp_path):
    info = ModelInfo("m.keras", "0" * 64)
    figure = Figure("Pairs & <b>", "9 of 10 <right>", np.zeros((8, 8, 3), np.uint8))
    write_report(report, tmp_path / "a", "command", info, figures=[figure])
    write_report(report, tmp_path / "b", "command", info)
    with_figure, without = (
        (tmp_path / name / "report.html").read_text() for name in "ab"
    )
    assert "<h2>Pairs &amp; &lt;b&gt;</h2>\n<p>9 of 10 &lt;right&gt;</p>" in with_figure
    assert with_figure.count("data:image/jpeg;base64,") == 1
    assert "data:image/jpeg" not in without


def test_paths_that_are_no_text_are_shown_escaped(report, tmp_path):
    info = ModelInfo("caf\udce9.npz", "ab" * 32)  # as Python reads the byte 0xE9
    write_report(report, tmp_path / "a", "evaluate caf\udce9.npz", info)
    assert r"evaluate caf\udce9.npz" in (tmp_path / "a/report.html").read_text("utf-8")
    content = json.loads((tmp_path / "a/report.json").read_text("utf-8"))
    assert content["model"]["path"] == "caf?.npz"
    assert read_report(tmp_path / "a").content.model.path == "caf?.npz"


def test_unmeasured_rate_counts_the_pairs_with_both_photos():
    features = np.random.default_rng(0).normal(size=(12, 4))
    features[11] = np.nan
    left, right = np.arange(8), [1, 0, 3, 2, 6, 7, 8, 11]
    same = np.arange(8) < 4
    judged = evaluate_features(features, left, right, same, np.arange(8) % 2, (0.1,))
    assert judged.explanations()["TAR at FAR 0.1"].endswith("these are 3.")
