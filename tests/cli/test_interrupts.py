"""Whatever asks a command to end, it ends in order: how to go on, an exit code of its own, no leftovers."""

import contextlib
import os
import signal

import pytest

from labelfix.cli import main
from labelfix.cli.interrupts import ended, insist, interruptible
from labelfix.outputs.progress_bars import Lines
from labelfix.runs import durable

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "ended by SIGTERM", signal.SIGHUP: "ended by SIGHUP"}


@pytest.fixture(autouse=True)
def heard():
    """As at a terminal; what a shell starts in the background ignores Ctrl-C."""
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_whose_exception_python_drops_ends_the_work_at_its_next_step(number):
    class Dropped:
        def __del__(self):
            os.kill(os.getpid(), number)

    steps = Lines(lambda line: None, at_each_step=insist)
    steps.start("train")
    with interruptible():
        steps.advance()
        with contextlib.suppress(KeyboardInterrupt):  # where the interpreter raises it after all
            Dropped()
        with pytest.raises(KeyboardInterrupt):
            steps.advance()
        assert ended() == (SAID[number], 128 + number)


def test_afterwards_the_handlers_are_as_before_and_nothing_is_remembered():
    def killed():
        with interruptible():
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError

    before = [signal.getsignal(number) for number in ENDING]
    with pytest.raises(KeyboardInterrupt):
        killed()
    assert [signal.getsignal(number) for number in ENDING] == before
    insist()


def test_what_is_ignored_when_a_command_begins_stays_so():
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", ENDING)
def test_every_command_ends_in_order(number, monkeypatch, capsys):
    def work(*_):
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            raise ValueError("cancelled") from None  # as a library may

    monkeypatch.setattr("labelfix.cli.app.run", work)
    assert main(["methods"]) == 128 + number
    assert capsys.readouterr().err == (
        f"labelfix: {SAID[number]}; no file is half written; give the same command again\n"
    )


def test_a_second_signal_does_not_end_the_first_ones_words(monkeypatch, capsys):
    def work(*_):
        os.kill(os.getpid(), signal.SIGINT)

    def last_words():
        os.kill(os.getpid(), signal.SIGTERM)
        return "interrupted", 130

    monkeypatch.setattr("labelfix.cli.app.run", work)
    monkeypatch.setattr("labelfix.cli.interrupts.ended", last_words)
    assert main(["methods"]) == 130
    assert capsys.readouterr().err.startswith("labelfix: interrupted;")


@pytest.mark.parametrize(
    "words",
    [
        ["export", "--run", "run", "--corrected-labels"],
        ["correct", "--run", "run", "--noisy", "new.parquet", "--out"],
        ["predict", "--run", "run", "--input", "new.parquet", "--out"],
        ["report", "--run", "run", "--out"],
    ],
    ids=lambda words: words[0],
)
def test_a_file_that_is_being_written_is_as_it_was(at_work, words, monkeypatch, capsys):
    out, put = at_work / ("out.html" if words[0] == "report" else "out.parquet"), durable._put

    def ended_before(*places):
        os.kill(os.getpid(), signal.SIGTERM)
        put(*places)

    monkeypatch.setattr(durable, "_put", ended_before)
    out.write_text("yesterday's")
    assert main([*words, str(out), "--overwrite"]) == 143
    assert capsys.readouterr().err.splitlines()[-1].startswith("labelfix: ended by SIGTERM; no file is half written")
    assert list(at_work.iterdir()) == [out]
    assert out.read_text() == "yesterday's"
