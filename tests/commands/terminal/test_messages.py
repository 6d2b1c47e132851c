"""Tests for tf_sphereface.commands.terminal.messages."""

import json

import pytest

from tf_sphereface.commands.main import main
from tf_sphereface.commands.terminal.messages import printable
from tf_sphereface.commands.terminal.output import print_result


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nerror: b", r"a\nerror: b"),
        ("\x9b31m\x07\x7f", r"\x9b31m\x07\x7f"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("\udc80", r"\udc80"),
        ("a\u2028b", r"a\u2028b"),
    ],
)
def test_control_characters_are_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["Zoë 李 O'Neil", "[red]x[/blue]", "👩🏽‍🚀 \u0928\u200d"]
)
def test_letters_of_every_script_stay(text):
    assert printable(text) == text


NAME = "\x1b]0;title\x07[/red]\u202e"


def test_names_reach_the_terminal_escaped(tmp_path, capsys, monkeypatch):
    assert main(["align", str(tmp_path / NAME), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "\x1b" not in error and "\u202e" not in error
    assert error.startswith("error: ") and r"\x1b]0;title\x07[/red]\u202e" in error
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_result({"photo": NAME}, as_json=False)
    assert capsys.readouterr().out == "photo  \\x1b]0;title\\x07[/red]\\u202e\n"
    print_result({"photo": NAME}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"photo": NAME}
