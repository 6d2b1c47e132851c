"""Tests for tf_sphereface.commands.terminal.progress_bar."""

import pytest
from rich.console import Console

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


def test_nothing_is_printed_where_there_is_no_terminal(capsys):
    with module.progress_bar("aligning", "photos") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self):
        return self.now


def test_pace_of_steady_work_is_its_rate_and_what_is_left():
    clock = Clock()
    pace = module.Pace(clock)
    assert pace.rate() is None and pace.seconds_left(100) is None
    for second in range(11):
        clock.now = 7.0 + second
        pace.report(5 * second)
    assert pace.rate() == pytest.approx(5.0)
    assert pace.seconds_left(100) == pytest.approx((100 - 50) / 5)


def test_pace_after_a_resume_leaves_out_what_was_done_before():
    clock = Clock()
    clock.now = 30.0  # listing the photos takes time, too
    pace = module.Pace(clock)
    pace.report(900)
    clock.now = 40.0
    pace.report(920)
    assert pace.rate() == pytest.approx(2.0)
    assert pace.seconds_left(1000) == pytest.approx(40.0)


def test_pace_follows_the_last_minute():
    clock = Clock()
    pace = module.Pace(clock)
    for second in range(100):
        clock.now = float(second)
        pace.report(100 * second)
    for second in range(100, 200):
        clock.now = float(second)
        pace.report(9900 + (second - 99))
    assert pace.rate() == pytest.approx(1.0)


def test_pace_of_work_that_stands_still_has_no_end():
    clock = Clock()
    pace = module.Pace(clock)
    pace.report(3)
    clock.now = 5.0
    pace.report(3)
    assert pace.rate() == 0 and pace.seconds_left(10) is None


def test_time_left_is_on_the_screen(screen, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module.time, "monotonic", clock)
    with module.progress_bar("aligning", "photos") as report:
        report(0, 7300)
        clock.now = 10.0
        report(100, 7300)
    last = screen().strip().splitlines()[-1]
    assert "10.0 photos/s, 0:12:00 left" in last
