"""Tests for sphereface import-weights and export-weights: exit codes and output."""

import json

import numpy as np
import pytest

from tests.weights import writers
from tf_sphereface.commands.main import main


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "x.caffemodel"
    state = writers.sphere4_state(np.random.default_rng(0))
    path.write_bytes(writers.caffe_bytes(state))
    return path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_import_and_export(weights, tmp_path, capsys):
    out = tmp_path / "model.keras"
    options = ("--backbone", "sphereface4", "--out", out, "--table")
    assert run("import-weights", weights, *options) == 0
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    assert summary["assigned"] == 14
    assert summary["arguments"]["channel_order"] == "BGR"
    assert "conv1_1/kernel" in printed.err
    assert "no --licence" in printed.err
    exported, folder = tmp_path / "x.safetensors", tmp_path / "run"
    folder.mkdir()
    out.rename(folder / "last.keras")  # as `train` leaves it
    assert run("export-weights", folder, "--out", exported) == 0
    shapes = json.loads(capsys.readouterr().out)["tensors"]
    assert shapes["conv2_1.weight"] == [4, 2, 3, 3]
    assert exported.is_file()


def test_where_tensors_went_as_json(weights, tmp_path, capsys):
    out = tmp_path / "model.keras"
    options = ("--backbone", "sphereface4", "--out", out, "--json")
    assert run("import-weights", weights, *options, "--channel-order", "RGB") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["arguments"]["channel_order"] == "RGB"
    assert summary["tensors"][0] == {
        "source": "conv1_1.weight",
        "shape": [2, 3, 3, 3],
        "dtype": "float32",
        "target": "conv1_1/kernel",
        "note": "axes in our order",
    }


def test_names_are_whole_on_a_narrow_terminal(weights, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    options = ("--backbone", "sphereface4", "--out", tmp_path / "model.keras")
    assert run("import-weights", weights, *options, "--table") == 0
    table = capsys.readouterr().err
    assert "\N{HORIZONTAL ELLIPSIS}" not in table and table.count("conv1_1") > 1


def test_a_terminal_gets_a_dozen_lines_and_the_table_if_it_is_asked_for(
    weights, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    options = ("--backbone", "sphereface4", "--out")
    assert run("import-weights", weights, *options, tmp_path / "a.keras") == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) <= 12 and "assigned" in printed.out
    assert "{" not in printed.out and "conv1_1" not in printed.out + printed.err
    options = (*options, tmp_path / "b.keras", "--table")
    assert run("import-weights", weights, *options) == 0
    assert "conv1_1/kernel" in capsys.readouterr().err


def test_a_backbone_may_have_its_depth_apart(weights, tmp_path, capsys):
    options = ("--backbone", "sphereface_cnn", "--set", "depth=4")
    assert run("import-weights", weights, *options, "--out", tmp_path / "a.keras") == 0
    assert json.loads(capsys.readouterr().out)["arguments"]["depth"] == 4


def test_a_suggestion_is_printed_and_nothing_written(weights, tmp_path, capsys):
    options = ("--backbone", "sphereface4", "--suggest")
    assert run("import-weights", weights, *options) == 0
    assert '"fc5.weight" = "fc5/kernel"' in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["x.caffemodel"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "absent.pth"}, "no such file of weights"),
        ({"source": "notes.txt"}, "must end in one of"),
        ({"--backbone": "vgg"}, "`backbone` must be one of"),
        ({"--backbone": "sphereface10"}, "does not fit the network"),
        ({"--set": "depth=10"}, "`depth` must be 4"),
        ({"--set": "width_multiplier=Infinity"}, "KEY=VALUE with a number"),
        ({"--set": "width_multiplier=1" + 400 * "0"}, "KEY=VALUE with a number"),
        ({"--backbone": "sphereface5"}, "the backbone cannot be made: `depth`"),
        ({"--out": "model.h5"}, "must end in .keras"),
        ({"--out": "absent/model.keras"}, "no such folder"),
        ({"--set": "width_multiplier=wide"}, "--set must be KEY=VALUE"),
        ({"--set": "width_multiplier=[1]"}, "--set must be KEY=VALUE"),
        ({"--set": "depths=3"}, "the backbone has no argument 'depths'"),
        ({"--set": "embedding_dim=-1"}, "the backbone cannot be made"),
        ({"--licence": "absent"}, "No such file"),
        ({"--map": "absent"}, "No such file"),
        ({"--prototxt": "absent"}, "No such file"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(weights, tmp_path, capsys, changes, message):
    (tmp_path / "notes.txt").write_text("none")
    options = {"--backbone": "sphereface4", "--out": "model.keras", **changes}
    source = tmp_path / options.pop("source", weights.name)
    words = []
    for option, value in options.items():
        is_path = option not in ("--backbone", "--set")
        words += [option, tmp_path / value if is_path else value]
    assert run("import-weights", source, *words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert not (tmp_path / "model.keras").exists()


def test_export_refuses_what_is_no_model(tmp_path, capsys):
    (tmp_path / "x.keras").write_bytes(b"no")
    out = tmp_path / "x.safetensors"
    assert run("export-weights", tmp_path / "x.keras", "--out", out) == 2
    assert run("export-weights", tmp_path / "absent.keras", "--out", out) == 2
    assert run("export-weights", tmp_path, "--out", out) == 2
    assert capsys.readouterr().err.count("error: ") == 3
    assert not out.exists()


def test_either_out_or_suggest(weights):
    for words in ((), ("--suggest", "--out", "x.keras")):
        with pytest.raises(SystemExit) as stop:
            run("import-weights", weights, "--backbone", "sphereface4", *words)
        assert stop.value.code == 2
