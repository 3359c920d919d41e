from __future__ import annotations

import contextlib
import os
import signal

import pytest

from labelfix.cli.interrupts import insist, interruptible
from labelfix.outputs.progress_bars import Lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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


def test_afterwards_the_handlers_are_as_before_and_nothing_is_remembered():
    def killed():
        with interruptible():
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        killed()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    insist()
