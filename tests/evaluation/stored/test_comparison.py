"""Tests for the command `sphereface compare` and the reports that it reads."""

import dataclasses
import json

import pytest

from tests.page_reader import read_page
from tf_sphereface.commands.compare import main
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import ModelInfo, write_report
from tf_sphereface.evaluation.report_types import Curve, Report
from tf_sphereface.evaluation.stored.reader import (
    difference,
    read_report,
    short_names,
)
from tf_sphereface.evaluation.stored.trained_runs import accuracy_curves, read_run


@dataclasses.dataclass(frozen=True)
class SmallReport(Report):
    """A report of two figures."""

    accuracy: float = 0.9
    protocol: str = "lfw"
    pairs: int = 600
    notes = ()

    def headline(self):
        return [("Accuracy", f"{100 * self.accuracy:.2f} %"), ("AUC", "0.9000")]

    def curves(self):
        x, y = [0.001, 1], [self.accuracy, 1]
        angles = [Curve(name, "angles", x, y) for name in ("genuine", "impostor")]
        return [Curve("all pairs", "roc", x, y), *angles]

    def to_json(self):
        return {
            "protocol": self.protocol,
            "accuracy": self.accuracy,
            "counts": {"pairs": self.pairs, "missing_photos": 3},
        }


@pytest.fixture
def place(tmp_path):
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(name)

    def write(folder, list_name="one.txt", **fields):
        info = ModelInfo(f"models/{folder} <b>.keras", "ab" * 32)
        inputs = {"pairs": tmp_path / list_name}
        write_report(SmallReport(**fields), tmp_path / folder, "x", info, inputs)
        return str(tmp_path / folder)

    return write


def compare(tmp_path, *arguments):
    return main([*arguments, "--out", str(tmp_path / "out")])


def test_reports_lie_side_by_side_with_differences(place, tmp_path, capsys):
    folders = [place("x/report"), place("y/report", accuracy=0.9125)]
    assert compare(tmp_path, *folders) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["x", "y"]
    assert rows[1]["headline"] == [["Accuracy", "91.25 %"], ["AUC", "0.9000"]]
    assert rows[1]["difference_to_first"] == {"Accuracy": "+1.25", "AUC": "±0"}
    stored = json.loads((tmp_path / "out/compare.json").read_text("utf-8"))
    assert stored["reports"] == rows and stored["protocol"] == "lfw"
    text = (tmp_path / "out/compare.html").read_text("utf-8")
    page = read_page(text)
    assert page.tags.count("svg") == 2  # roc and angles, both models in each
    assert "+1.25" in text and "<b>.keras" not in text
    assert text.count(">x<") >= 3 and text.count(">y<") >= 3  # table and legends
    assert "stroke-dasharray" in text  # the impostor pairs


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"protocol": "ytf"}, "only reports of the same protocol can be compared"),
        ({"list_name": "two.txt"}, "only reports of the same lists can be compared"),
        ({"pairs": 599}, "only reports of the same counts can be compared"),
    ],
)
def test_reports_of_other_things_are_refused(place, tmp_path, capsys, fields, reason):
    assert compare(tmp_path, place("x"), place("y", **fields)) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {reason}: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_bad_reports_are_one_line(place, tmp_path, capsys):
    good, damaged = place("x"), place("y")
    (tmp_path / "y/report.json").write_text('{"schema_version": 1}')
    (tmp_path / "z").mkdir()
    for arguments, reason in (
        ((good, damaged), "damaged report, or one of another version"),
        ((good, str(tmp_path / "z")), "no report: "),
        ((good, good), "a folder is given twice"),
        ((good,), "it takes two reports"),
        ((), "give either the folders of reports, or --runs"),
    ):
        assert compare(tmp_path, *arguments) == 2
        error = capsys.readouterr().err
        assert reason in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"curves": [{"name": "a", "kind": "roc", "labels": ["", ""], "x": [1], '
        '"y": []}]}',
        '{"curves": [{"name": "a", "kind": "angles", "labels": ["", ""], "x": [1], '
        '"y": [1]}]}',  # no bin has a width
        '{"curves": [{"name": "a", "kind": "roc", "labels": ["", ""], "x": [NaN], '
        '"y": [1]}]}',
    ],
)
def test_damaged_curves_are_an_input_error(place, tmp_path, text):
    folder = place("x")
    assert len(read_report(folder).curves) == 3
    (tmp_path / "x/curves.json").write_text(text)
    with pytest.raises(InputError, match="curves.json"):
        read_report(folder)


@pytest.mark.parametrize(
    ("figure", "first", "expected"),
    [
        ("99.28 %", "99.16 %", "+0.12"),
        ("0.9970", "0.9981", "-0.0011"),
        ("12 ms", "1,012 ms", "-1,000"),
        ("90.00 %", "90.00 %", "±0"),
        ("0.5", "90 %", ""),
        ("not measured", "90.00 %", ""),
        ("90.00 %", "", ""),
    ],
)
def test_difference_of_figures_as_they_are_shown(figure, first, expected):
    assert difference(figure, first) == expected


def test_short_names_tell_folders_apart():
    assert short_names(["/r/a/report", "/r/b/report"]) == ["a", "b"]
    assert short_names(["/a/1", "/b/1", "/b/2"]) == ["a/1", "b/1", "b/2"]


def run_folder(place, tmp_path, depth, margin, accuracy, seed=0):
    name = f"runs/{depth} {margin} {seed}"
    place(f"{name}/evaluation", accuracy=accuracy)
    (tmp_path / name / "recipe.toml").write_text(
        f'[backbone]\nname = "sphereface_cnn"\ndepth = {depth}\n'
        f'[head]\nname = "a_softmax"\nmargin = {margin}\n'
    )
    return tmp_path / name


@pytest.mark.slow
def test_runs_are_drawn_over_margin_and_depth(place, tmp_path, capsys):
    runs = [
        run_folder(place, tmp_path, *run)
        for run in (
            (20, 4, 0.98),
            (20, 1, 0.95),
            (20, 4, 0.96, 1),  # another seed: 4 is the mean, 0.97
            (64, 4, 0.99),
        )
    ]
    lines = {
        (line.kind, line.name): (line.x.tolist(), line.y.tolist())
        for line in accuracy_curves([read_run(run) for run in runs])
    }
    assert lines == {
        ("margin", "a_softmax, sphereface_cnn 20"): ([1, 4], [0.95, 0.97]),
        ("depth", "sphereface_cnn, a_softmax, m = 4"): ([20, 64], [0.97, 0.99]),
    }
    assert compare(tmp_path, "--runs", *map(str, runs)) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["20 4 0", "20 1 0", "20 4 1", "64 4 0"]
    assert rows[0]["recipe"]["margin"] == 4
    text = (tmp_path / "out/compare.html").read_text("utf-8")
    assert read_page(text).tags.count("svg") == 4


def test_run_without_recipe_or_report_is_an_input_error(place, tmp_path):
    with pytest.raises(InputError, match="recipe.toml is missing"):
        read_run(tmp_path)
    (tmp_path / "recipe.toml").write_text("[head")
    with pytest.raises(InputError, match="damaged recipe"):
        read_run(tmp_path)
    (tmp_path / "recipe.toml").write_text('[head]\nname = "none"\n')
    with pytest.raises(InputError, match="must hold one report.*Received: 0"):
        read_run(tmp_path)
    place("a"), place("b")
    with pytest.raises(InputError, match="must hold one report.*Received: 2"):
        read_run(tmp_path)


def test_folders_that_are_no_text_are_compared(place, tmp_path):
    folders = [place("caf\udce9"), place("b")]  # as Python reads the byte 0xE9
    assert compare(tmp_path, *folders) == 0
    rows = json.loads((tmp_path / "out/compare.json").read_text("utf-8"))["reports"]
    assert [row["name"] for row in rows] == [r"caf\udce9", "b"]
    assert r"caf\udce9" in (tmp_path / "out/compare.html").read_text("utf-8")


def test_parts_of_two_evaluations_are_no_report(place, tmp_path, capsys):
    folders = [place("a"), place("b", accuracy=0.8)]
    older = (tmp_path / "a" / "report.json").read_bytes()
    place("a", accuracy=0.7)
    (tmp_path / "a" / "report.json").write_bytes(older)  # as a kill leaves it
    assert compare(tmp_path, *folders) == 2
    assert "are of two evaluations" in capsys.readouterr().err
    older = json.loads(older)
    del older["run_id"]  # of an earlier version
    (tmp_path / "a" / "report.json").write_text(json.dumps(older))
    with pytest.raises(InputError, match="of two evaluations"):
        read_report(tmp_path / "a")


def test_reports_of_an_earlier_version_are_still_read(place, tmp_path):
    folder = tmp_path / "a"
    place("a")
    for name in ("report.json", "curves.json"):
        content = json.loads((folder / name).read_text())
        del content["run_id"]
        (folder / name).write_text(json.dumps(content))
    assert read_report(folder).content.accuracy == 0.9


def test_the_page_states_the_run_of_its_figures(place, tmp_path):
    place("a")
    run_id = json.loads((tmp_path / "a" / "report.json").read_text())["run_id"]
    assert run_id in (tmp_path / "a" / "report.html").read_text("utf-8")
