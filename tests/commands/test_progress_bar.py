"""Tests for tf_sphereface.commands.progress_bar."""

import pytest
from rich.console import Console

from tf_sphereface.commands import progress_bar as module


@pytest.fixture
def screen(monkeypatch):
    """What a terminal was sent: a function."""
    console = Console(force_terminal=True, width=80, record=True)
    monkeypatch.setattr(module, "Console", lambda stderr: console)
    return lambda: console.export_text()


def test_title_stands_alone_until_the_total_is_known(screen):
    with module.progress_bar("aligning", "photos"):
        pass
    assert set(screen().split()) == {"aligning"}  # drawn more than once


def test_count_rate_and_bar_appear_with_the_total(screen):
    with module.progress_bar("aligning", "photos") as report:
        report(10, 200)
    last = screen().strip().splitlines()[-1]
    assert "aligning" in last and " 10/200 " in last and "photos/s" in last
    assert "\u2501" in last


def test_nothing_is_printed_where_there_is_no_terminal(capsys):
    with module.progress_bar("aligning", "photos") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")
