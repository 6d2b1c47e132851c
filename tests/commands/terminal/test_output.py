"""Tests for tf_sphereface.commands.terminal.output."""

import json
import re

import pytest

from tf_sphereface.commands.main import COMMANDS, main
from tf_sphereface.commands.terminal.output import lines_of, print_result

CONTENT = {
    "out": "runs/ä",
    "accuracy": 0.96350000000000002,
    "pairs": 12000,
    "unknown": None,
    "none": [],
    "passed": True,
    "tar_at_far": {"far_0.01": 0.123456789, "far_0.1": None},
    "variants": {"int8": {"bytes": 3, "gate": {"passed": False, "failures": []}}},
}


@pytest.mark.parametrize(("as_json", "terminal"), [(True, True), (False, False)])
def test_programs_get_all_digits(as_json, terminal, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    print_result(CONTENT, as_json)
    printed = capsys.readouterr().out
    assert printed == json.dumps(CONTENT, indent=2) + "\n"


def test_people_get_lines_without_nulls_and_long_numbers(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_result(CONTENT, False)
    assert re.sub(" {2,}", " | ", capsys.readouterr().out).splitlines() == [
        "out | runs/ä",
        "accuracy | 0.9635",
        "pairs | 12,000",
        "passed | yes",
        "tar at far | far 0.01 0.1235",
        "variants int8 bytes | 3",
        "variants int8 gate passed | no",
    ]


def test_long_results_are_cut_and_say_so():
    lines = lines_of({f"key_{number}": number for number in range(40)})
    assert len(lines) == 13
    assert lines[0].split() == ["key", "0", "0"]
    assert lines[-1] == "and 28 more: --json"
    (line,) = lines_of({"shape": list(range(1000)), "empty": {}})
    assert line == "shape  0 1 2 3 4 5 6 7 and 992 more"


def test_several_results_are_numbered():
    assert lines_of([{"score": 1.0}, {"score": 0.5}]) == ["1  score 1", "2  score 0.5"]


def test_an_unknown_among_lines_that_are_alike_is_told():
    rates = {"tar": [{"far": 0.1, "tar": 0.5}, {"far": 0.001, "tar": None}]}
    assert lines_of(rates) == ["tar 1  far 0.1, tar 0.5", "tar 2  far 0.001, tar -"]


# These print tables, text or the figures of their own process.
OTHERS = {"quickstart", "quantization-train", "export", "recipes"}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - OTHERS))
def test_every_command_that_prints_a_result_takes_json(name, capsys):
    helps = [[name], [name, "verify"]] if name == "bundle" else [[name]]
    texts = []
    for command in helps:
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        texts.append(capsys.readouterr().out)
    assert "--json" in texts[-1]
