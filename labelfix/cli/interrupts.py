"""Ctrl-C and SIGTERM end a command even where Python loses the exception they raise."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_asked = False


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM, which batch systems send, end the command as Ctrl-C does: with what to do next.

    Both are remembered: an exception raised inside a destructor or a callback of the import system is dropped by
    Python, and `insist` raises it again.
    """
    global _asked
    _asked = False
    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, _interrupt)
    except ValueError:  # not the main thread: signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _asked = False


def insist() -> None:
    """Raise again what was asked for and got lost.

    Raises:
        KeyboardInterrupt: Somebody asked, and the command still runs.
    """
    if _asked:
        raise KeyboardInterrupt


def _interrupt(*_: object) -> None:
    global _asked
    _asked = True
    raise KeyboardInterrupt
