"""Tests for tf_sphereface.progress, and that a training reports to it."""

import pytest

from tf_sphereface.progress import LogLines, Pace


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self):
        return self.now


def test_pace_of_steady_work_is_its_rate_and_what_is_left():
    clock = Clock()
    pace = Pace(clock)
    assert pace.rate() is None and pace.seconds_left(100) is None
    for second in range(11):
        clock.now = 7.0 + second
        pace.report(5 * second)
    assert pace.rate() == pytest.approx(5.0)
    assert pace.seconds_left(100) == pytest.approx((100 - 50) / 5)


def test_pace_after_a_resume_leaves_out_what_was_done_before():
    clock = Clock()
    clock.now = 30.0  # listing the photos takes time, too
    pace = Pace(clock)
    pace.report(900)
    clock.now = 40.0
    pace.report(920)
    assert pace.rate() == pytest.approx(2.0)
    assert pace.seconds_left(1000) == pytest.approx(40.0)


def test_pace_follows_the_last_minute():
    clock = Clock()
    pace = Pace(clock)
    for second in range(100):
        clock.now = float(second)
        pace.report(100 * second)
    for second in range(100, 200):
        clock.now = float(second)
        pace.report(9900 + (second - 99))
    assert pace.rate() == pytest.approx(1.0)


def test_pace_of_work_that_stands_still_has_no_end():
    clock = Clock()
    pace = Pace(clock)
    pace.report(3)
    clock.now = 5.0
    pace.report(3)
    assert pace.rate() == 0 and pace.seconds_left(10) is None


def test_lines_come_every_half_minute(capsys):
    clock = Clock()
    lines = LogLines("embedding", "faces", clock)
    for second in range(95):
        clock.now = float(second)
        lines.report(1000 + 2 * second, 9000, "loss 2.5")
    assert capsys.readouterr().err.splitlines() == [
        "embedding: 1,060 of 9,000, 2.0 faces/s, 1:06:10 left  loss 2.5",
        "embedding: 1,120 of 9,000, 2.0 faces/s, 1:05:40 left  loss 2.5",
        "embedding: 1,180 of 9,000, 2.0 faces/s, 1:05:10 left  loss 2.5",
    ]


def test_a_training_without_a_terminal_says_where_it_is(capsys, monkeypatch):
    from tf_sphereface.training.progress import TrainingProgress

    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    progress = TrainingProgress(total_steps=600, initial_step=200)
    progress.on_train_begin()
    for second in range(1, 41):
        clock.now = float(second)
        progress.on_train_batch_end(second, {"loss": 3.25})
    progress.on_train_end()
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "train: 230 of 600, 1.0 steps/s, 0:06:10 left  loss 3.25"
