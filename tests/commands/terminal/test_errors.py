"""Tests for tf_sphereface.commands.terminal.errors, and that the commands use it."""

import importlib

import pytest

from tf_sphereface.commands.main import COMMANDS, main, module_of
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.errors import InputError


def failing(error):
    @reports_errors
    def command(argv=None):
        print("result so far")
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InputError("`x` must be 1"), 2, "`x` must be 1"),
        (FileNotFoundError(2, "No such file", "a"), 2, "[Errno 2] No such file: 'a'"),
        (FloatingPointError("the loss is NaN"), 1, "the loss is NaN"),
    ],
)
def test_what_the_user_can_mend_is_one_line(capsys, error, status, message):
    assert failing(error)([]) == status
    assert capsys.readouterr() == ("result so far\n", f"error: {message}\n")


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), KeyboardInterrupt(), SystemExit(2)]
)
def test_anything_else_keeps_its_traceback(capsys, error):
    with pytest.raises(type(error)) as raised:
        failing(error)([])
    assert raised.value is error
    assert capsys.readouterr().err == ""


def test_closed_stdout_is_left_to_the_program():
    with pytest.raises(BrokenPipeError):
        failing(BrokenPipeError())([])


def test_arguments_and_status_go_through():
    @reports_errors
    def command(argv=None):
        """Its help."""
        return argv

    assert command(["--x"]) == ["--x"]
    assert command() is None  # sys.argv is the command's own business
    assert (command.__name__, command.__doc__) == ("command", "Its help.")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_reports_errors(name, capsys, monkeypatch):
    def build_parser():
        raise InputError("nothing fits")

    module = importlib.import_module(module_of(name))
    monkeypatch.setattr(module, "build_parser", build_parser)
    assert main([name]) == 2
    assert capsys.readouterr().err == "error: nothing fits\n"
