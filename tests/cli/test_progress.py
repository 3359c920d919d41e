from __future__ import annotations

import io

import pytest

from labelfix.cli import progress
from labelfix.cli.progress import Bars, Lines, Stage, WarningsOnly, duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def terminal(monkeypatch):
    """Gives bars and the characters that they write to a terminal of 120 columns."""

    def make():
        # Within the test: pytest puts its own stderr back between a fixture and its test.
        stream = io.StringIO()
        stream.isatty = lambda: True
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        return Bars(), stream

    return make


def test_a_log_gets_one_line_a_stage_however_many_steps_there_are(clock):
    lines = []
    shown = Lines(lines.append)
    shown.start("train", total=1000)
    for _ in range(1000):
        shown.advance(1, epoch=3)
    clock[0] = 4.0
    shown.finish()
    assert lines == ["train: 1,000 rows in 4.0 s, epoch 3"]


def test_a_long_stage_says_every_quarter_of_a_minute_how_far_it_is(clock):
    lines = []
    shown = Lines(lines.append)
    shown.start("train", total=100, unit="rows")
    for second in range(1, 41):
        clock[0] = float(second)
        shown.advance(2, **{"epoch": second, "held_out_accuracy": 0.91234})
    assert lines == [
        "train: 30 %, epoch 15, held out accuracy 0.912, 2.0 rows/s, 35 s left",
        "train: 60 %, epoch 30, held out accuracy 0.912, 2.0 rows/s, 20 s left",
    ]


def test_a_stage_of_unknown_length_counts_what_it_did(clock):
    stage = Stage("read", None, "rows")
    stage.done = 5000
    clock[0] = 2.0
    assert stage.under_way() == "read: 5,000 rows, 2,500 rows/s"


def test_progress_outside_a_stage_is_ignored():
    lines = []
    shown = Lines(lines.append)
    shown.advance(3)
    shown.finish()
    assert lines == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (190, "3 min 10 s"), (7500, "2 h 5 min")]
)
def test_durations_read_as_a_person_says_them(seconds, text):
    assert duration(seconds) == text


def test_a_terminal_gets_a_bar_with_stage_figures_and_speed_and_then_one_line(terminal):
    bars, stream = terminal()
    bars.start("train", total=10)
    bars.advance(5, **{"epoch": 2, "held-out accuracy": 0.875})
    bars._live.refresh()
    drawn = stream.getvalue()
    assert "train" in drawn
    assert "50 %" in drawn
    assert "epoch 2 · held-out accuracy 0.875" in drawn
    assert "rows/s" in drawn
    bars.advance(5)
    bars.finish()
    assert stream.getvalue().rstrip().splitlines()[-1].endswith("held-out accuracy 0.875")
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_text_from_data_is_neither_markup_nor_escape_on_a_terminal(terminal):
    bars, stream = terminal()
    bars.start("encode [bold]x[/bold]\x1b[2J.csv", total=1)
    bars.say("column [red]y[/red] \x1b]0;owned\x07")
    bars.warn("[link=http://x]z[/link]")
    bars.finish()
    text = stream.getvalue()
    assert "encode [bold]x[/bold]\\x1b[2J.csv" in text
    assert "column [red]y[/red] \\x1b]0;owned\\x07" in text
    assert "warning: [link=http://x]z[/link]" in text
    assert "\x1b]0" not in text
    assert "\x1b[2J" not in text


def test_closing_gives_the_cursor_back_when_a_stage_did_not_end(terminal):
    bars, stream = terminal()
    bars.start("train", total=10)
    bars.close()
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_quiet_leaves_warnings_only():
    lines = []
    shown = WarningsOnly(lines.append)
    shown.start("train", 3)
    shown.advance(1)
    shown.say("a choice")
    shown.warn("a danger")
    shown.finish()
    assert lines == ["a danger"]
