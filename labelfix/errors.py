"""What can go wrong, worded for the person who has to fix it.

Every message names the place (file and row), what is wrong there and the remedy.
Rows are counted from 1, the first row of data (below a CSV header) being row 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Defect:
    """One thing wrong with an input, in one line.

    Attributes:
        severity: `"error"` stops the command before it writes; `"warning"` is said and passed over.
        file: The input as the user named it (a path, or `noisy`/`clean` for tables given in memory).
        row: Row of the file, counted from 1; None where the file as a whole is meant.
        what: What is wrong, with the offending value, as the rest of a sentence.
        remedy: What to do about it, in the imperative; empty where nothing needs doing.
    """

    severity: Literal["error", "warning"]
    file: str
    row: int | None
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        place = self.file if self.row is None else f"{self.file}, row {self.row}"
        return f"{place}: {self.what}" + (f"; {self.remedy}" if self.remedy else "")


class LabelfixError(Exception):
    """Base of everything that labelfix raises on purpose; the command line turns it into exit code 2."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The message, a line for each thing that is wrong; then notes that were added on the way."""
        return (str(self), *getattr(self, "__notes__", ()))


class InputError(LabelfixError):
    """The inputs have defects; the message lists them, one line each."""

    def __init__(self, defects: Sequence[Defect]) -> None:
        self.defects = tuple(defects)
        super().__init__("\n".join(self.lines))

    @property
    def lines(self) -> tuple[str, ...]:
        return (*map(_marked, self.defects), *getattr(self, "__notes__", ()))


def _marked(defect: Defect) -> str:
    """A defect as one line; a warning among errors says that it is one."""
    return f"warning: {defect}" if defect.severity == "warning" else str(defect)


class SettingsError(LabelfixError):
    """A flag, a configuration key or a value of one cannot be used."""


class RunError(LabelfixError):
    """A run folder is missing, unfinished, damaged or in the way."""


class MissingPackageError(LabelfixError):
    """A package that the core does without is not installed."""


class TrainingError(LabelfixError):
    """Training cannot go on: a loss that is not a number, a collapsed network."""


class OtherProcessError(TrainingError):
    """Another process of the same run has ended or cannot be reached."""


_USED_UP = re.compile(
    "cannot allocate memory|failed to map segment|failed to launch worker thread|can't start new thread|bad_alloc"
    "|out of memory|^(malloc|realloc) of size",
    re.IGNORECASE,
)
MORE = "give this process more memory and threads (ulimit -v, ulimit -u), or run it where there are more"
"""What to do about what `is_used_up` finds."""


def is_used_up(error: BaseException) -> bool:
    """Whether an error of whatever library says that this process may take no more memory, or no more threads."""
    return isinstance(error, MemoryError) or _USED_UP.search(str(error)) is not None


def input_error(file: str, what: str, remedy: str = "", row: int | None = None) -> InputError:
    """An `InputError` with a single defect, for places that can only find one."""
    return InputError([Defect("error", file, row, what, remedy)])


def listing(names: Sequence[str], most: int = 12) -> str:
    """The first few of some names as a phrase, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def first_line(error: BaseException) -> str:
    """The first line of a foreign error's message, as others go on for several; its type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
