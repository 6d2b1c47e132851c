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
