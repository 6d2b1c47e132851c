"""Tests for the command examples.margin_curves and its figure."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import margin_curves
import margin_figure


@pytest.mark.slow
def test_the_figure_is_written_and_the_bounds_are_printed(tmp_path, capsys):
    assert margin_curves.main(["--out", str(tmp_path / "new"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [round(row["found"], 3) for row in rows] == [3.732, 3.0, 3.0, 3.0]
    with Image.open(tmp_path / "new" / "margin_curves.png") as picture:
        assert min(picture.size) > 600
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


def test_the_table_is_for_readers(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(margin_figure, "margin_figure", Figure)  # drawn above
    assert margin_curves.main(["--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "two classes, weights at any angle" in out
    assert out.count("3.7321") == 2 and out.count("3.0000") == 6


def test_a_file_in_place_of_the_folder_is_bad_input(tmp_path, capsys):
    path = tmp_path / "file"
    path.write_text("kept")
    assert margin_curves.main(["--out", str(path)]) == 2
    assert "error: --out must be a folder" in capsys.readouterr().err
    assert path.read_text() == "kept"


def test_labels_are_moved_apart_in_their_order():
    placed = margin_figure._spread([1.0, 0.0, 0.05, 0.02], room=0.2)
    assert list(np.argsort(placed)) == [1, 3, 2, 0]
    assert np.diff(np.sort(placed)).min() == pytest.approx(0.2, abs=1e-6)
    assert placed[0] == pytest.approx(1.0)
