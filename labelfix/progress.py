"""How the library tells a person what it is doing, without knowing how that is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Progress(Protocol):
    """One listener for the whole run; the command line shows bars, a library user passes nothing."""

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        """A stage begins; `total` units of work lie ahead, None where that is not known."""

    def advance(self, amount: int = 1, **facts: float) -> None:
        """`amount` more units are done; `facts` are figures worth showing beside the bar."""

    def finish(self) -> None:
        """The stage is done."""

    def say(self, message: str) -> None:
        """One line a person should read: a choice made, a figure found."""

    def headline(self, message: str) -> None:
        """One line that a person sees even where choices are not shown: what was read."""

    def warn(self, message: str) -> None:
        """One line about something that may be wrong."""


class Silent:
    """A listener that shows nothing."""

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        """Ignore it."""

    def advance(self, amount: int = 1, **facts: float) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""

    def say(self, message: str) -> None:
        """Ignore it."""

    def headline(self, message: str) -> None:
        """Ignore it."""

    def warn(self, message: str) -> None:
        """Ignore it."""


class Remembering:
    """A listener that hands everything on, and keeps what was warned of.

    Attributes:
        warnings: Each warning once, in order.
    """

    def __init__(self, told: Progress) -> None:
        self.warnings: list[str] = []
        self.start, self.advance, self.finish = told.start, told.advance, told.finish
        self.say, self.headline, self._warn = told.say, told.headline, told.warn

    def warn(self, message: str) -> None:
        """Keep it, and hand it on."""
        if message not in self.warnings:
            self.warnings.append(message)
        self._warn(message)


_counting: ContextVar[Callable[[int], None] | None] = ContextVar("counting", default=None)


def rows_done(rows: int) -> None:
    """Say from within a computation that it has passed over so many rows; a stage around it counts them.

    Fits call each other many levels deep, and most of them need no listener for anything else.
    """
    told = _counting.get()
    if told is not None:
        told(rows)


class Counted:
    """A stage that counts rows which are told by `rows_done`; see `counted`."""

    def __init__(self, progress: Progress, total: int | None) -> None:
        self._progress, self._total = progress, total
        self.done = 0

    def add(self, rows: int) -> None:
        """So many rows more; what goes beyond the total, which may be an estimate, is not counted."""
        rows = rows if self._total is None else min(rows, self._total - self.done)
        if rows > 0:
            self.done += rows
            self._progress.advance(rows)

    def up_to(self, rows: int) -> None:
        """At least that many rows in all."""
        self.add(rows - self.done)


@contextmanager
def counted(progress: Progress, stage: str, total: int | None = None) -> Iterator[Counted]:
    """A stage whose rows are counted where they are worked on, by `rows_done`.

    A row counts each time that something passes over it: a head fitted six times to a thousand rows has done six
    thousand. A stage within a stage counts for both.

    Yields:
        The count, for rows that nothing tells of.
    """
    progress.start(stage, total)
    count, outer = Counted(progress, total), _counting.get()

    def told(rows: int) -> None:
        count.add(rows)
        if outer is not None:
            outer(rows)

    token = _counting.set(told)
    try:
        yield count
    finally:
        _counting.reset(token)
    if total is not None:
        count.up_to(total)
    progress.finish()
