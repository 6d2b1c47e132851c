"""Tests for tf_sphereface.deployment.writing.model_card and card_facts."""

import copy
import json

import pytest

from tests.bundle.contract_example import example, measured, variant
from tf_sphereface.bundle.contract import BundleContract
from tf_sphereface.deployment.writing.model_card import model_card
from tf_sphereface.deployment.writing.training_facts import CardFacts, training_facts
from tf_sphereface.errors import InputError
from tf_sphereface.files import sha256_of

PASSED = {"passed": True, "failures": []}


def card(change=None, facts=None):
    content = copy.deepcopy(example())
    if change is not None:
        change(content)
    return model_card(BundleContract.model_validate(content), facts)


def section(text, heading):
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(text, first):
    """Cells of the table rows whose first cell begins so."""
    lines = [line for line in text.splitlines() if line.startswith(f"| {first}")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_sections_are_all_there():
    headings = [line for line in card().splitlines() if line.startswith("#")]
    assert headings == [
        "# sphereface20",
        "## Intended use",
        "## Training data",
        "## Figures",
        "## Limits",
        "## Biometric data",
        "## Licence",
        "## Contract",
        "## How to verify",
    ]


def test_figures_of_every_variant_are_in_the_tables():
    def change(content):
        content["variants"]["none"] = variant(bytes=4_560_000, rank=None, gate=PASSED)

    figures = section(card(change), "Figures")
    assert rows(figures, "int8 (default)") == [
        [
            "int8 (default)",
            "0.00",
            "0.9500",
            "0.7000",
            "0.7000",
            "0.99900",
            "0.99000",
            "0.98000",
            "0.9900",
            "0.9800",
            "0.9000",
            "**FAILED**",
            "2.17.0",
        ]
    ]
    assert rows(figures, "none | 4")[0] == (
        [
            "none",
            "4.56",
            "0.9500",
            "0.7000",
            "0.7000",
            "0.99900",
            "0.99000",
            "0.98000",
            "-",
            "-",
            "0.9000",
            "passed",
        ]
        + ["2.17.0"]
    )
    assert ["int8", "same variant", "far_0.01", "0.4000", "0.8000"] in rows(
        figures, "int8 | same"
    )
    assert ["int8", "float variant", "far_0.01", "0.4100", "0.8000"] in rows(
        figures, "int8 | float"
    )


def test_a_failed_gate_comes_first_and_a_passed_one_does_not():
    text = card()
    assert text.index("A GATE FAILED") < text.index("A network of")
    assert "> - **int8**: min\\_cosine 0.98 is below 0.99" in text
    whole = card(lambda content: content["variants"]["int8"].update(gate=PASSED))
    assert "FAILED" not in whole


def unmeasured(content):
    nothing = dict.fromkeys(
        ("verification", "thresholds", "cross_variant", "calibration")
    )
    content["variants"]["int8"].update(nothing, gate=PASSED)
    content["model"].update(licence=None, provenance={})
    content["samples"]["rendered"] = False


def test_what_is_not_known_is_called_so():
    text = card(unmeasured)
    assert section(text, "Training data").strip() == "Not stated."
    assert section(text, "Licence").strip().startswith("Not stated")
    assert "Accuracy and thresholds were not measured" in section(text, "Figures")
    limits = section(text, "Limits")
    assert "Nobody was measured" in limits
    assert "age, sex, skin colour or origin were not measured" in limits
    assert "None" not in text and "null" not in text


def test_what_is_known_is_told():
    facts = CardFacts(
        training=("It was trained on 7 people.",),
        pairs="LFW, 10 folds",
        groups=("Women: FAR 0.002 at the threshold of all.",),
    )
    text = card(facts=facts)
    assert "- It was trained on 7 people." in section(text, "Training data")
    assert "Weights, format: caffe" in section(text, "Training data")
    assert "600 pairs: LFW, 10 folds." in section(text, "Figures")
    assert "24 rendered faces" in section(text, "Figures")
    limits = section(text, "Limits")
    assert "rendered faces: photos of real people may drift further" in limits
    assert "calibrated on 120 people" in limits
    assert "Women: FAR 0.002" in limits and "were not measured" not in limits
    real = card(lambda content: content["samples"].update(rendered=False))
    assert "rendered" not in real
    assert "24 crops that the exporter gave, of 12 people" in real


@pytest.mark.parametrize(
    ("mirror", "said"), [("none", "32 numbers"), ("concat", "image: 64 numbers")]
)
def test_the_contract_is_summed_up(mirror, said):
    feature = {"mirror": mirror, "inside": ["pixels"]}
    text = section(card(lambda c: c.update(feature=feature)), "Contract")
    assert said in rows(text, "feature")[0][1]
    assert rows(text, "channels")[0][1] == "BGR"
    assert rows(text, "pixels")[0][1] == "(pixel - 127.5) / 128"
    assert "uint8 RGB" in rows(text, "inside the files")[0][1]
    assert rows(text, "landmarks")[0][1].startswith("(1.5, 2.5), (3, 4)")


def test_texts_from_elsewhere_make_no_markup():
    def change(content):
        content["model"]["licence"] = "MIT\n\n# Approved <b>by</b> | [all](http://x)"
        content["model"]["name"] = "net\n## Licence"

    text = card(change)
    assert "\n# Approved" not in text and "<b>" not in text.replace("\\<b", "")
    assert text.count("\n## Licence") == 1
    assert "MIT \\# Approved \\<b\\>by\\</b\\> \\| \\[all\\](http://x)" in text


def run_folder(tmp_path, recipe):
    run, records = tmp_path / "run", tmp_path / "records"
    run.mkdir()
    records.mkdir()
    manifest = {"records": 1200, "identities": ["Ann Lee", "Bo Ek"]}
    (records / "manifest.json").write_text(json.dumps(manifest))
    (run / "recipe.toml").write_text(recipe)
    (run / "records.sha256").write_text(sha256_of(records / "manifest.json"))
    return run, records


RECIPE = """
[head]
name = "a_softmax"
margin = 4
[data]
batch_size = 512
[schedule]
steps = 28000
"""


def test_a_run_folder_tells_of_its_training(tmp_path):
    run, records = run_folder(tmp_path, RECIPE)
    facts = training_facts(run, records)
    checksum = sha256_of(records / "manifest.json")
    assert facts == (
        "It was trained from random weights.",
        "The head was a_softmax with margin 4.",
        "It ran 28,000 steps of 512 faces.",
        f"The manifest of its records has the SHA-256 {checksum}.",
        "The records hold 1,200 faces of 2 people.",
    )
    assert training_facts(run / "best.keras") == facts[:-1]
    assert "Ann" not in " ".join(facts)


def test_a_fine_tuned_run_says_so(tmp_path):
    run, _ = run_folder(tmp_path, '[fine_tuning]\ninitial_weights = "a.keras"\n')
    assert training_facts(run)[0] == "It was fine-tuned from other weights."


def test_other_records_and_damaged_recipes_are_refused(tmp_path):
    run, records = run_folder(tmp_path, RECIPE)
    (records / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="not the records"):
        training_facts(run, records)
    with pytest.raises(InputError, match="not a folder of records"):
        training_facts(run, tmp_path)
    (run / "recipe.toml").write_text("[head")
    with pytest.raises(InputError, match="damaged recipe"):
        training_facts(run)


def test_a_model_outside_a_run_tells_nothing(tmp_path):
    assert training_facts(tmp_path / "model.keras") == ()


def test_a_measurement_without_calibration_names_no_people():
    def change(content):
        content["variants"]["int8"].update(measured(0.9, 0.4), calibration=None)

    assert "How many people the pairs show is not stated" in card(change)
