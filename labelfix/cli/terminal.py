"""How the command line speaks: data on stdout, everything else on stderr."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from labelfix.outputs.plain_text import printed
from labelfix.progress import Progress

if TYPE_CHECKING:
    from labelfix.outputs.progress_bars import Shown


def is_echo() -> bool:
    """Whether `torchrun` started this process beside a first one, which speaks for all."""
    return os.environ.get("WORLD_SIZE", "1") != "1" and os.environ.get("RANK", "0") != "0"


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(printed, super().format(record).splitlines()))


class Voice:
    """What is said to the person at the terminal; `--quiet` and `--verbose` set its tone.

    Attributes:
        left_behind: What to say of the half-done work when a signal or an unforeseen error ends the command; empty
            where nothing is left. A command that leaves something sets it.
    """

    def __init__(self) -> None:
        self.echo = is_echo()
        self.quiet = self.echo
        self.verbose = False
        self.left_behind: Callable[[], str] = lambda: ""
        self._shown: Shown | None = None

    def data(self, *lines: str) -> None:
        """Write what was asked for to stdout, one line each; no data in it commands a terminal or a CI runner."""
        if not self.echo:
            typer.echo("\n".join(map(printed, lines)))

    def commands(self, text: str) -> None:
        """Write commands to a CI runner to stdout; whoever made them has taken the power from the data in them."""
        if not self.echo:
            typer.echo(text)

    def note(self, text: str) -> None:
        """Say something worth knowing on stderr."""
        if not self.quiet:
            self._line(text)

    def warn(self, text: str) -> None:
        """Say on stderr that something may be wrong."""
        self._line(f"warning: {text}")

    def error(self, text: str) -> None:
        """Say on stderr what went wrong."""
        self._line(text)

    def progress(self, brief: bool = False) -> Progress:
        """A listener for long work: bars on a terminal, a few plain lines elsewhere, warnings only when quiet.

        Args:
            brief: Only what is under way and warnings, unless `--verbose` asks for all; the command sums up.
        """
        from labelfix.cli.interrupts import insist
        from labelfix.outputs.progress_bars import Bars, Lines, WarningsOnly

        if self.quiet:
            return WarningsOnly(self.warn)
        self.close()
        brief = brief and not self.verbose
        if sys.stderr.isatty():
            self._shown = Bars(brief, insist)
        else:
            self._shown = Lines(self._line, brief=brief, at_each_step=insist)
        return self._shown

    def begin(self, text: str) -> None:
        """Say in a log what has begun; on a terminal a bar does."""
        if not sys.stderr.isatty():
            self.note(text)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Show on a terminal that something is about to begin: the libraries that compute take seconds to load."""
        bars = self.progress(brief=True) if sys.stderr.isatty() and not self.quiet else None
        if bars is not None:
            bars.start("load")
        try:
            yield
        finally:
            if bars is not None:
                self.close()

    def log_everything(self) -> None:
        """Show the library's log on stderr."""
        self.verbose = True
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_PlainFormatter("%(name)s: %(message)s"))
        logging.basicConfig(handlers=[handler])
        logging.getLogger("labelfix").setLevel(logging.DEBUG)

    def close(self) -> None:
        """Take bars that are still drawn off the terminal."""
        if self._shown is not None:
            self._shown.close()
        self._shown = None

    def _line(self, text: str) -> None:
        if self.echo:
            return
        typer.echo(printed(text), err=True)
