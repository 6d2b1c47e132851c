"""Tests for tf_sphereface.commands.terminal.progress_bar."""

import pytest
from rich.console import Console

from tests.test_progress import Clock
from tf_sphereface.commands.terminal import progress_bar as module


@pytest.fixture
def screen(monkeypatch):
    """A function that gives the text sent to a terminal."""
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


def test_short_work_prints_nothing_where_there_is_no_terminal(capsys):
    with module.progress_bar("aligning", "photos") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")


def test_long_work_prints_lines_where_there_is_no_terminal(capsys, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    with module.progress_bar("aligning", "photos") as report:
        for done in range(0, 101):
            clock.now = float(done)
            report(done, 100)
    assert capsys.readouterr().err.splitlines() == [
        "aligning: 30 of 100, 1.0 photos/s, 0:01:10 left",
        "aligning: 60 of 100, 1.0 photos/s, 0:00:40 left",
        "aligning: 90 of 100, 1.0 photos/s, 0:00:10 left",
    ]


def test_time_left_is_on_the_screen(screen, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    with module.progress_bar("aligning", "photos") as report:
        report(0, 7300)
        clock.now = 10.0
        report(100, 7300)
    last = screen().strip().splitlines()[-1]
    assert "10.0 photos/s, 0:12:00 left" in last
