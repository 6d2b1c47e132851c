"""Tests for tf_sphereface.commands.evaluate."""

import hashlib
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from tf_sphereface.commands.evaluate import main
from tf_sphereface.evaluation import (
    evaluate_features,
    make_pairs,
    read_lfw_pairs,
    verification_metrics,
    write_lfw_pairs,
)
from tf_sphereface.evaluation.embeddings.crop_embedders import KerasEmbedder
from tf_sphereface.evaluation.verification import evaluate


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A colour model of 8 x 6 crops, and people who are colours with some noise."""
    root = tmp_path_factory.mktemp("a place with ü")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 6, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    keras.Model(inputs, pooled).save(root / "my model.keras")
    rng = np.random.default_rng(0)
    for person in range(8):
        folder = root / "aligned" / f"José {person}"
        folder.mkdir(parents=True)
        hue = np.radians(45 * person + np.array([0, 120, 240]))
        colour = (128 + 90 * np.cos(hue)).astype(int)
        for photo in range(4):
            noise = rng.integers(-19, 20, (8, 6, 3))
            pixels = (colour + noise).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{folder.name}_{photo + 1:04d}.png")
    write_lfw_pairs(make_pairs(root / "aligned", 4, 6, 0), root / "pairs.txt")
    return root


@pytest.fixture
def run(prepared, tmp_path, capsys):
    def run(*options, model="my model.keras", images="aligned", pairs="pairs.txt"):
        arguments = [str(prepared / model), "--images", str(prepared / images)]
        arguments += ["--pairs", str(prepared / pairs)]
        arguments += ["--out", str(tmp_path / "out")]
        code = main([*arguments, *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def expected_report(prepared):
    """The protocol on mean colours, found without the model and its loader."""
    pairs = read_lfw_pairs(prepared / "pairs.txt").pairs
    photos = sorted({photo for pair in pairs for photo in pair[:2]})
    crops = [Image.open(prepared / "aligned" / f"{photo}.png") for photo in photos]
    colours = np.array([np.asarray(crop).mean(axis=(0, 1)) for crop in crops])
    return evaluate_features(
        np.tile((colours - 127.5) / 128, 2),
        left=[photos.index(pair.left) for pair in pairs],
        right=[photos.index(pair.right) for pair in pairs],
        same=[pair.same for pair in pairs],
        fold=[pair.fold for pair in pairs],
    )


def test_result_is_json_on_stdout_and_two_files(run, tmp_path, prepared):
    code, out, err = run("--protocol", "lfw")
    assert code == 0
    result = json.loads(out)
    expected = expected_report(prepared)
    assert result["accuracy"] == expected.accuracy > 0.8
    threshold = result["operating_thresholds"]["accuracy"]["threshold"]
    assert threshold == pytest.approx(expected.operating.accuracy.threshold, abs=1e-3)
    assert result["counts"]["pairs"] == 48
    content = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert content["accuracy"] == result["accuracy"]
    assert content["mirror"] is True
    assert content["command"].startswith("sphereface evaluate '")
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    assert "report.html" in err
    assert "pairs of strangers" in err
    assert "note: FAR 0.01 needs at least 100" in err


def test_pixels_are_said_or_noted_and_are_in_the_report(run, tmp_path):
    """A model of elsewhere gets what the user says; else a note says what it got."""
    code, _, err = run()
    assert code == 0 and err.count("has no pixel contract") == 1
    assert "my model.keras has no pixel contract: assumed RGB, (pixel - 127.5)" in err
    content = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    pixels = {"height": 8, "width": 6, "channel_order": "RGB"}
    assert content["model"]["pixels"] == {**pixels, "mean": 127.5, "scale": 128.0}
    assert any("assumed RGB" in note for note in content["notes"])
    options = ("--mean", "1,2,3", "--scale", "4,5,6.5", "--channel-order", "BGR")
    code, _, err = run(*options)
    assert code == 0 and "pixel contract" not in err
    content = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    pixels["channel_order"] = "BGR"
    assert content["model"]["pixels"] == {
        **pixels,
        "mean": [1.0, 2.0, 3.0],
        "scale": [4.0, 5.0, 6.5],
    }
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "8 x 6 (height x width), BGR, (pixel - (1, 2, 3)) / (4, 5, 6.5)" in page


def test_no_mirror_is_passed_on(run, tmp_path):
    assert run("--no-mirror")[0] == 0
    content = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert content["mirror"] is False


@pytest.mark.parametrize(("gate", "code"), [("0.5", 0), ("1.0", 1)])
def test_gate_decides_the_exit_status(run, prepared, gate, code):
    # One genuine pair lacks its photos, so that the accuracy is below 1.
    lines = (prepared / "pairs.txt").read_text("utf-8").split("\n")
    lines[1] = "Nobody\t1\t2"
    (prepared / "one missing.txt").write_text("\n".join(lines), "utf-8")
    found, out, err = run("--minimum-accuracy", gate, pairs="one missing.txt")
    assert found == code
    assert json.loads(out)["counts"]["pairs_with_a_missing_photo"] == 1
    assert ("below the gate" in err) == (code == 1)


@pytest.mark.parametrize(
    ("options", "places", "reason"),
    [
        ([], {"model": "none.keras"}, "no such model"),
        ([], {"images": "none"}, "no such folder"),
        ([], {"pairs": "none.txt"}, "no such list of pairs"),
        ([], {"pairs": "my model.keras"}, "must be UTF-8"),
        (["--variant", "int8"], {}, "only a bundle has variants"),
        (["--minimum-accuracy", "99"], {}, "must be a fraction 0..1"),
        (["--minimum-accuracy", "nan"], {}, "must be a fraction 0..1"),
        (["--scale", "255"], {}, "--mean and --scale belong together"),
        (["--mean", "0", "--scale", "0"], {}, "`scale` must be positive"),
        (["--pixels", "raw", "--mean", "0", "--scale", "1"], {}, "give one of them"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    run, tmp_path, options, places, reason
):
    code, out, err = run(*options, **places)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert reason in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_out_that_is_a_file_is_refused_before_the_work(run, tmp_path):
    (tmp_path / "out").write_text("mine")
    code, _, err = run()
    assert (code, "--out must be a folder" in err) == (2, True)
    assert (tmp_path / "out").read_text() == "mine"


def test_validation_while_training_gives_the_same_accuracy(run, prepared):
    _, out, _ = run()
    validate = verification_metrics(prepared / "aligned", prepared / "pairs.txt")
    figures = validate(keras.models.load_model(prepared / "my model.keras"))
    result = json.loads(out)
    assert figures == {
        "verification_accuracy": result["accuracy"],
        "verification_auc": result["auc"],
        "verification_eer": result["eer"],
    }


def test_model_in_training_is_opened_once_for_all_epochs(prepared, monkeypatch):
    opened = []

    def open_one(model):
        opened.append(model)
        return KerasEmbedder(model)

    monkeypatch.setattr(evaluate, "KerasEmbedder", open_one)
    validate = verification_metrics(prepared / "aligned", prepared / "pairs.txt")
    model = keras.models.load_model(prepared / "my model.keras")
    other = keras.models.load_model(prepared / "my model.keras")
    for each in (model, model, other):
        validate(each)
    assert opened == [model, other]


def test_people_of_the_training_are_noted(run, prepared):
    (prepared / "run").mkdir()
    shutil.copy(prepared / "my model.keras", prepared / "run" / "best.keras")
    names = "José 1\nJosé 5\nEve\n".encode()
    (prepared / "run" / "trained_people.txt").write_bytes(names)
    _, out, err = run(model="run")
    assert "note: 2 of the 8 people of the pairs have the names of people" in err
    assert "names of people" not in run()[2]


def test_thumbnails_need_a_folder_of_images(prepared, tmp_path, capsys):
    arguments = [str(prepared / "my model.keras"), "--thumbnails"]
    arguments += ["--pairs", str(prepared / "pairs.txt"), "--out", str(tmp_path / "x")]
    assert main(arguments) == 2
    assert "--thumbnails needs --images" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_report_has_the_checksum_of_the_pair_list(run, tmp_path, prepared):
    assert run("--thumbnails")[0] == 0
    content = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    digest = hashlib.sha256((prepared / "pairs.txt").read_bytes()).hexdigest()
    assert content["inputs"] == {"pairs": {"file": "pairs.txt", "sha256": digest}}
