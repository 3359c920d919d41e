import io

import pytest

from labelfix.outputs import progress_bars
from labelfix.outputs.progress_bars import Bars, Lines, WarningsOnly, listener
from labelfix.outputs.stage import Stage, duration
from labelfix.progress import Silent, counted, rows_done


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    now = [0.0]
    monkeypatch.setattr(progress_bars.time, "monotonic", lambda: now[0])
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


def test_the_time_left_is_said_once_a_second_has_passed(clock):
    stage = Stage("fit", 100, "rows")
    clock[0] = 0.5
    stage.add(25, {})
    assert stage.figures() == ["25 %", "50 rows/s"]
    clock[0] = 1.0
    stage.add(25, {})
    assert stage.figures() == ["50 %", "50 rows/s", "1.0 s left"]


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


def test_a_stage_of_hours_says_so_less_and_less_often(clock):
    lines = []
    shown = Lines(lines.append)
    shown.start("train", total=10_000)
    for second in range(1, 10_001):
        clock[0] = float(second)
        shown.advance(1)
    assert lines[0].startswith("train: 0 %, 1.0 rows/s, 2 h 46 min left")
    assert 40 < len(lines) < 90


def test_a_log_has_no_control_characters(clock):
    lines = []
    shown = Lines(lines.append, every=0)
    shown.start("encode \x1b[2Jx", total=2)
    clock[0] = 1.0
    shown.advance(1)
    shown.finish()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_a_stage_within_a_stage_ends_alone(clock):
    lines = []
    shown = Lines(lines.append)
    shown.start("check", total=100)
    shown.advance(50)
    shown.start("train", total=10)
    shown.advance(10)
    shown.finish()
    clock[0] = 20.0
    shown.advance(10)
    shown.finish()
    assert lines == ["train: 10 rows in 0.0 s", "check: 60 %, 3.0 rows/s, 13 s left", "check: 60 rows in 20 s"]


def test_bars_within_a_bar_give_the_cursor_back_once_all_are_done(terminal):
    bars, stream = terminal()
    bars.start("check", total=10)
    bars.start("train", total=10)
    bars.finish()
    bars.advance(5)
    bars._live.refresh()
    assert "50 %" in stream.getvalue()
    bars.finish()
    assert bars._live is None
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_brief_lines_leave_out_choices_and_what_is_done_and_keep_warnings_and_long_stages(clock):
    lines = []
    shown = Lines(lines.append, brief=True)
    shown.say("a choice")
    shown.warn("a danger")
    shown.start("train", total=100)
    clock[0] = 20.0
    shown.advance(50)
    shown.finish()
    assert lines == ["warning: a danger", "train: 50 %, 2.5 rows/s, 20 s left"]


class Recorded(Silent):
    def __init__(self):
        self.told = []

    def start(self, stage, total=None, unit="rows"):
        self.told.append((stage, total))

    def advance(self, amount=1, **facts):
        self.told.append(amount)

    def finish(self):
        self.told.append("end")


def test_rows_are_counted_where_they_are_worked_on_and_never_beyond_the_total():
    outer, inner = Recorded(), Recorded()
    rows_done(5)
    with counted(outer, "check", 10):
        rows_done(4)
        with counted(inner, "fit", 8):
            rows_done(3)
            rows_done(7)
        rows_done(1)
    assert outer.told == [("check", 10), 4, 3, 3, "end"]
    assert inner.told == [("fit", 8), 3, 5, "end"]
    rows_done(5)


def test_a_stage_of_unknown_length_ends_where_it_ends_and_a_known_one_is_filled_up():
    told = Recorded()
    with counted(told, "read"):
        rows_done(4)
    with counted(told, "fit", 9):
        rows_done(2)
    assert told.told == [("read", None), 4, "end", ("fit", 9), 2, 7, "end"]


def test_python_shows_nothing_lines_or_what_it_is_given(capsys):
    assert isinstance(listener(None), Silent)
    assert isinstance(listener(False), Silent)
    own = Recorded()
    assert listener(own) is own
    shown = listener(True)
    assert isinstance(shown, Lines)
    shown.start("fit", 3)
    shown.advance(3)
    shown.finish()
    assert capsys.readouterr().err.startswith("fit: 3 rows in ")


def test_python_on_a_terminal_shows_bars(monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", stream)
    assert isinstance(listener(True), Bars)
