"""Tests for tf_sphereface.commands.embed, and of its files in evaluate."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from tf_sphereface.commands.embed import main
from tf_sphereface.commands.evaluate import main as evaluate
from tf_sphereface.evaluation import protocols, read_embeddings
from tf_sphereface.evaluation.protocols import Protocol


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A model of mean colours, people who are colours, CSV pairs and groups."""
    root = tmp_path_factory.mktemp("embed")
    inputs = keras.Input((8, 6, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    keras.Model(inputs, pooled).save(root / "model.keras")
    rng = np.random.default_rng(0)
    for person in range(12):
        folder = root / "aligned" / f"p{person}"
        folder.mkdir(parents=True)
        hue = np.radians(30 * person + np.array([0, 120, 240]))
        for photo in (1, 2):
            pixels = 128 + 90 * np.cos(hue) + rng.integers(-60, 60, (8, 6, 3))
            pixels = np.clip(pixels, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{photo}.png")
    lines = ["left,right,same,fold"]
    for person in range(12):
        fold = person // 6
        other = person // 6 * 6 + (person + 1) % 6
        lines.append(f"p{person}/1.png,p{person}/2.png,1,{fold}")
        lines.append(f"p{person}/1.png,p{other}/2.png,0,{fold}")
    (root / "pairs.csv").write_text("\n".join(lines))
    groups = [f"p{person},{'xy'[person % 2]}" for person in range(12)]
    (root / "groups.csv").write_text("\n".join(groups))
    return root


def run_embed(prepared, out, *options):
    images = ["--images", str(prepared / "aligned")]
    return main([str(prepared / "model.keras"), *images, "--out", str(out), *options])


def run_evaluate(prepared, out, *options, model="model.keras"):
    arguments = [str(prepared / model), "--protocol", "pairs", "--out", str(out)]
    return evaluate([*arguments, "--pairs", str(prepared / "pairs.csv"), *options])


def test_file_is_evaluated_as_its_model_is(prepared, tmp_path, capsys):
    assert run_embed(prepared, prepared / "all.npz") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["photos"], summary["people"]) == (24, 12)
    assert summary["pixels"] == "RGB, (pixel - 127.5) / 128"
    file = read_embeddings(prepared / "all.npz")
    pixels = np.asarray(Image.open(prepared / "aligned/p3/2.png"), float)
    expected = (pixels.mean(axis=(0, 1)) - 127.5) / 128
    row = file.names.index("p3/2.png")
    np.testing.assert_allclose(file.embeddings[row], np.tile(expected, 2), atol=1e-5)
    options = ("--resamples", "30", "--groups", str(prepared / "groups.csv"))
    images = ("--images", str(prepared / "aligned"))
    assert run_evaluate(prepared, tmp_path / "model", *images, *options) == 0
    assert run_evaluate(prepared, tmp_path / "npz", *options, model="all.npz") == 0
    model, npz = (
        json.loads((tmp_path / name / "report.json").read_text())
        for name in ("model", "npz")
    )
    assert npz["protocol"] == model["protocol"] == "pairs"
    assert npz["model"]["kind"] == "embeddings"
    assert npz["milliseconds_per_face"] is None
    for key in (
        "accuracy",
        "protocol_folds",
        "intervals",
        "groups",
        "mirror",
        "counts",
    ):
        assert npz[key] == model[key]
    assert npz["intervals"]["people"] == 12
    assert [group["group"] for group in npz["groups"]] == ["x", "y"]


def test_no_mirror_and_rule_are_passed_on(prepared, tmp_path, capsys):
    assert run_embed(prepared, tmp_path / "x.npz", "--no-mirror") == 0
    assert read_embeddings(tmp_path / "x.npz").mirror is False
    options = ("--images", str(prepared / "aligned"), "--resamples", "0")
    options = (*options, "--rule", "insightface", "--missing", "error", "--no-mirror")
    assert run_evaluate(prepared, tmp_path / "out", *options) == 0
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (content["rule"], content["missing"]) == ("insightface", "error")
    assert (content["mirror"], content["intervals"]) == (False, None)


def test_out_must_be_a_new_npz(prepared, tmp_path, capsys):
    (tmp_path / "old.npz").write_text("mine")
    for name, reason in (
        ("old.npz", "--out must be new"),
        ("x.npy", "--out must end in .npz"),
        ("none/x.npz", "no such folder"),
    ):
        assert run_embed(prepared, tmp_path / name) == 2
        assert reason in capsys.readouterr().err
    assert (tmp_path / "old.npz").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--resamples", "5"], "--resamples must be 0 or at least 20"),
        (["--resamples", str(10**18)], "and at most 100,000"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--rule", "insightface"], "say --images"),
        (["--groups", "none.csv"], "no such list of groups"),
    ],
)
def test_bad_options_are_one_line(prepared, tmp_path, capsys, options, reason):
    assert run_evaluate(prepared, tmp_path / "out", *options) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert reason in captured.err
    assert not (tmp_path / "out").exists()


def test_option_that_a_protocol_lacks_or_does_not_take_is_refused(
    prepared, tmp_path, capsys, monkeypatch
):
    def refuse(protocol, *options):
        monkeypatch.setitem(protocols.PROTOCOLS, "pairs", protocol)
        assert run_evaluate(prepared, tmp_path / "out", *options) == 2
        return capsys.readouterr().err

    assert "needs --groups" in refuse(Protocol("x.y", "", needs=("pairs", "groups")))
    only_pairs = Protocol("x.y", "", needs=("pairs",))
    assert "--no-mirror is no option of" in refuse(only_pairs, "--no-mirror")
    assert "gives no accuracy" in refuse(only_pairs, "--minimum-accuracy", "0.5")
