"""Tests for tf_sphereface.pages.rendering: the frame, and names in every page."""

import jinja2
import numpy as np
import pytest
from markupsafe import Markup
from PIL import Image

from tests.page_reader import PageReader, read_page
from tf_sphereface.data.aligned.manifest import KEPT, ManifestRow, write_manifest_rows
from tf_sphereface.data.aligned.settings import agree_on_settings
from tf_sphereface.data.audit import write_audit
from tf_sphereface.evaluation import (
    ModelEmbeddings,
    ModelInfo,
    Pair,
    PairList,
    evaluate_verification,
    write_report,
)
from tf_sphereface.evaluation.cleaning import propose_cleaning, write_clean_page
from tf_sphereface.evaluation.clustering.report import ClusterReport, write_cluster_page
from tf_sphereface.evaluation.identification.protocols import nearest_neighbour
from tf_sphereface.evaluation.stored.comparison import write_comparison
from tf_sphereface.evaluation.stored.reader import read_report
from tf_sphereface.pages.rendering import plural, render_page
from tf_sphereface.preprocessing import PixelContract

PEOPLE = ('" onload=alert(1) x="', "<script>alert(2)<", "'><img src=x>", "{{ 7 * 7 }}")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
PAGES = ("audit", "clean", "cluster", "report", "nearest", "compare")


class Colours:
    """Embeds a crop as its left upper pixel."""

    kind = "keras"
    pixel_contract = PixelContract()
    embedding_dim = 3

    def embed(self, aligned_faces):
        return aligned_faces[:, 0, 0].astype(np.float32) - 120


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """Two crops of each of four people, whose names are markup."""
    folder = tmp_path_factory.mktemp("pages") / "<script>aligned"
    agree_on_settings(folder, {}, "0.0.0")
    rows, rng = {}, np.random.default_rng(0)
    for person in PEOPLE:
        (folder / person).mkdir()
        for number in range(2):
            name = f"{person}/{number}.png"
            crop = np.full((112, 96, 3), rng.integers(0, 255, 3), np.uint8)
            Image.fromarray(crop).save(folder / name)
            rows[name] = ManifestRow(name, person, KEPT, crop=name, faces=1)
    write_manifest_rows(folder, rows)
    return folder


@pytest.fixture(scope="module")
def pages(aligned, tmp_path_factory):
    """The text of every page of the package."""
    out, source = tmp_path_factory.mktemp("out"), ModelEmbeddings(Colours())
    command = f"sphereface {PEOPLE[1]}"
    write_audit(aligned, command=command)
    (aligned / "audit.html").rename(out / "audit.html")
    write_clean_page(
        *(propose_cleaning(source, aligned), aligned, out / "clean.html"),
        *(PEOPLE[0], PEOPLE[1], command),
    )
    names = source.photos(aligned)
    clusters = ClusterReport(names, np.arange(8) // 2, PEOPLE[0], 0.5)
    write_cluster_page(clusters, aligned, out / "cluster.html", command)
    pairs = [
        Pair(f"{PEOPLE[one]}/0.png", f"{PEOPLE[other]}/1.png", one == other, fold)
        for fold, (first, second) in enumerate([(0, 1), (2, 3)])
        for one, other in [(first, first), (second, second), (first, second)]
    ]
    measured = evaluate_verification(source, aligned, PairList(tuple(pairs), 2))
    nearest = nearest_neighbour(source, "nearest-neighbour", aligned)
    for name, report in (("a", measured), ("b", measured), ("nearest", nearest)):
        info = ModelInfo(f"{PEOPLE[0]}{PEOPLE[1]}{name}", PEOPLE[1], PEOPLE[2])
        write_report(report, out / name, command, info, images_dir=aligned)
    write_comparison([read_report(out / name) for name in "ab"], out / "both", command)
    files = {
        "report": out / "a/report.html",
        "nearest": out / "nearest/report.html",
        "compare": out / "both/compare.html",
    }
    return {
        page: files.get(page, out / f"{page}.html").read_text("utf-8") for page in PAGES
    }


class Attributes(PageReader):
    """Collects the names of all attributes."""

    def __init__(self, text):
        self.names = set()
        super().__init__(text)

    def handle_startendtag(self, tag, attributes):
        self.names |= {name for name, _ in attributes}
        super().handle_startendtag(tag, attributes)


@pytest.mark.parametrize("page", PAGES)
def test_names_are_no_markup_in_any_page(pages, page):
    text = pages[page]
    assert "x" not in read_page(text).addresses  # and there is no script
    assert "onload" not in Attributes(text).names
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_names_are_no_templates(pages):
    assert pages["cluster"].count("<span>{{ 7 * 7 }}</span>") == 2


@pytest.mark.parametrize("page", PAGES)
def test_every_page_may_load_nothing(pages, page):
    meta = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    assert pages[page].count(meta) == 1
    # Before all that could load something.
    head = pages[page].split("<title>")[0]
    assert meta in head and "<style" not in head


def test_missing_value_is_a_defect():
    with pytest.raises(jinja2.UndefinedError, match="heading"):
        render_page("pages/frame.html", details=[])


def test_only_markup_of_our_own_is_not_escaped():
    values = {"heading": "<b>", "details": [("a", Markup("<i>b</i>")), ("<u>", "c")]}
    text = render_page("pages/frame.html", **values)
    assert "<h1>&lt;b&gt;</h1>" in text
    assert "<dt>a</dt><dd><i>b</i></dd>" in text and "<dt>&lt;u&gt;</dt>" in text


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 people"), (1, "1 person"), (1200, "1,200 people")]
)
def test_plural(count, words):
    assert plural(count, "person", "people") == words
