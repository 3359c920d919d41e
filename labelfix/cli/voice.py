"""How the command line speaks: data on stdout, everything else on stderr."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from labelfix.outputs.plain_text import visible
from labelfix.progress import Progress

if TYPE_CHECKING:
    from labelfix.cli.progress import Shown


def is_echo() -> bool:
    """Whether `torchrun` started this process beside a first one, which speaks for all."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("RANK", "0") != "0"


class Voice:
    """What is said to the person at the terminal; `--quiet` and `--verbose` set its tone.

    Attributes:
        echo: Leave the talking to another process.
        quiet: Say warnings and errors only.
        verbose: Also show the library's log, and tracebacks.
        left_behind: What to say of the half-done work when Ctrl-C or an unforeseen error ends the command; empty
            where nothing was written. A command that leaves something sets it.
    """

    def __init__(self) -> None:
        self.echo = is_echo()
        self.quiet = self.echo
        self.verbose = False
        self.left_behind: Callable[[], str] = lambda: ""
        self._shown: Shown | None = None

    def data(self, text: str) -> None:
        """Write what was asked for to stdout."""
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

    def progress(self) -> Progress:
        """A listener for long work: bars on a terminal, a few plain lines elsewhere, warnings only when quiet."""
        from labelfix.cli.progress import Bars, Lines, WarningsOnly

        if self.quiet:
            return WarningsOnly(self.warn)
        if self._shown is None:
            self._shown = Bars() if sys.stderr.isatty() else Lines(self._line)
        return self._shown

    def log_everything(self) -> None:
        """Show the library's log on stderr."""
        self.verbose = True
        logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s")
        logging.getLogger("labelfix").setLevel(logging.DEBUG)

    def close(self) -> None:
        """Take bars that are still drawn off the terminal."""
        if self._shown is not None:
            self._shown.close()

    def _line(self, text: str) -> None:
        if self.echo:
            return
        for line in text.splitlines():
            typer.echo(visible(line), err=True)
