"""Tests for tf_sphereface.commands.main."""

import io
import sys

import pytest

from tf_sphereface import __version__
from tf_sphereface.commands import audit
from tf_sphereface.commands.main import COMMANDS, main


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: sphereface {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("identify g --false-alarms 2", "between 0 and 1. Received: 2"),
        ("identify g --false-alarms a", "between 0 and 1. Received: a"),
        ("evaluate m --scale a", "1 or 3 numbers are needed. Received: a"),
        ("evaluate m --mean 1,2", "1 or 3 numbers are needed. Received: 1,2"),
        ("enroll g --templates 0", "at least 1, is needed. Received: 0"),
        ("records c --holdout-identities a", "number of people, or a share"),
    ],
)
def test_a_value_that_is_none_of_its_option_is_told_what_is(words, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    told = capsys.readouterr().err
    assert stop.value.code == 2 and said in told
    assert "invalid " not in told  # argparse would name a function of the code


def test_no_command_and_an_unknown_one_exit_with_2(capsys):
    assert main([]) == 2
    assert main(["aline"]) == 2
    assert "no command 'aline'" in capsys.readouterr().err


def test_output_that_cannot_be_encoded_is_escaped(capfd, monkeypatch):
    for encoding, text in (("ascii", "Zoë"), ("utf-8", "odd\udcff")):
        stdout = io.TextIOWrapper(io.BytesIO(), encoding, write_through=True)
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(audit, "main", lambda _, text=text: print(text) or 0)
        assert main(["audit"]) == 0
        written = stdout.buffer.getvalue()
        assert written == text.encode(encoding, "backslashreplace") + b"\n"


def test_version(capsys):
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out
