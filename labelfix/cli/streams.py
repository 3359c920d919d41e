"""Standard streams that may be closed or full, without a command failing of it or a file taking their place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from labelfix.errors import LabelfixError


@contextmanager
def steady() -> Iterator[None]:
    """Run a command on streams that hold.

    What stderr does not take is dropped: no message is worth a command. Likewise what is written to stdout once its
    reader is gone, as after `| head -1`; any other failure of stdout raises, for what was asked for is lost.
    """
    _open_closed()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Steady(sys.stdout, BrokenPipeError), _Steady(sys.stderr, OSError)
    try:
        yield
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        sys.stdout, sys.stderr = before


def silence(stream: Any) -> None:  # noqa: ANN401 - whatever stands for a stream
    """Point a stream at nothing, or the interpreter fails of it again when it flushes at exit."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
        stream.flush()
    except (OSError, ValueError, AttributeError):
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives until exit


class _Steady:
    """A stream that passes everything on, and falls silent at an error; the forgiven ones do not matter."""

    def __init__(self, stream: Any, forgiven: type[OSError]) -> None:  # noqa: ANN401 - as above
        self._stream, self._forgiven = stream, forgiven
        self._lost = ""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write as far as it is heard."""
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Flush likewise."""
        self._try(self._stream.flush)

    def _try(self, act: Callable[..., Any], *arguments: str) -> None:
        try:
            act(*arguments)
        except OSError as error:
            silence(self._stream)
            if not isinstance(error, self._forgiven):
                self._lost = f"stdout cannot be written ({error.strerror})"
        if self._lost:  # also when it is tried again: typer's first try expects a failure, and drops it
            raise LabelfixError(self._lost)


def _open_closed() -> None:
    """Point standard streams that are closed at nothing: else the next file opened would be one, and get its text."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - lives until exit
