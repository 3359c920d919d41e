"""Ctrl-C, SIGTERM and SIGHUP end a command in order, even where Python loses the exception they raise."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = {"SIGINT": "interrupted", "SIGTERM": "ended by SIGTERM", "SIGHUP": "ended by SIGHUP"}
"""Signals that ask a command to end, with what is said of it then: keys at a terminal, batch systems and CI runners,
and terminals that are closed."""

_asked: int | None = None


@contextmanager
def interruptible() -> Iterator[None]:
    """Have the signals of `ENDING` raise `KeyboardInterrupt`, but for those that are ignored here, as under `nohup`.

    They are remembered: an exception raised inside a destructor or a callback of the import system is dropped by
    Python, and `insist` raises it again.
    """
    global _asked
    _asked = None
    before = {}
    try:
        for number in _heard():
            before[number] = signal.signal(number, _interrupt)
    except ValueError:  # not the main thread: signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _asked = None


def insist() -> None:
    """Raise again what was asked for and got lost, or became another exception on its way.

    Raises:
        KeyboardInterrupt: Somebody asked, and the command still runs.
    """
    if _asked is not None:
        raise KeyboardInterrupt


def ended() -> tuple[str, int]:
    """What is said of a command that was asked to end, and its exit code: 128 and the signal's number, as of shells."""
    number = signal.SIGINT if _asked is None else _asked
    return ENDING[signal.Signals(number).name], 128 + number


def hear_no_more() -> None:
    """Ignore further signals: what is left is to say how it ended, and CI runners send one signal after the other."""
    try:
        for number in _heard():
            signal.signal(number, signal.SIG_IGN)
    except ValueError:
        return


def _heard() -> list[int]:
    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


def _interrupt(number: int, _: object) -> None:
    global _asked
    _asked = number
    raise KeyboardInterrupt
