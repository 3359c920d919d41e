"""Collects what is wrong with the inputs, so that a person sees all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from labelfix.data.formats import TableSource
from labelfix.errors import Defect, InputError

LISTED = 5
"""Defects of one kind in one file that are listed; of the rest, only the number is said."""


@dataclass(frozen=True)
class Places:
    """Where rows came from.

    Attributes:
        file_index: `(N,)` position in `files`.
        row_number: `(N,)` row within the file, counted from 1.
    """

    files: tuple[str, ...]
    file_index: npt.NDArray[np.int32]
    row_number: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row_number)

    def of(self, row: int) -> tuple[str, int]:
        """File and row number of the row at a position counted from 0."""
        return self.files[int(self.file_index[row])], int(self.row_number[row])


@dataclass(frozen=True)
class FilePlaces:
    """Where the rows of whole files came from: what `Places` says, in two numbers a file.

    Attributes:
        counts: Rows of each.
    """

    files: tuple[str, ...]
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return sum(self.counts)

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """Position of the first row of each file."""
        return np.concatenate([[0], np.cumsum(self.counts, dtype=np.int64)[:-1]])

    def between(self, start: int, stop: int) -> Places:
        """Where some consecutive rows came from."""
        rows = np.arange(start, stop, dtype=np.int64)
        file = np.searchsorted(self.starts, rows, side="right") - 1
        # When several files start at one place, all but the last are empty.
        return Places(self.files, file.astype(np.int32), rows - self.starts[file] + 1)

    def of(self, row: int) -> tuple[str, int]:
        """File and row number of the row at a position counted from 0."""
        return self.between(row, row + 1).of(0)


AnyPlaces = Places | FilePlaces


class Findings:
    """Errors, warnings and notes in the order they were found."""

    def __init__(self) -> None:
        self._found: list[Defect] = []
        self._notes: dict[str, None] = {}

    def error(self, file: str, what: str, remedy: str = "", row: int | None = None) -> None:
        """One error."""
        self._found.append(Defect("error", file, row, what, remedy))

    def warning(self, file: str, what: str, remedy: str = "", row: int | None = None) -> None:
        """One warning."""
        self._found.append(Defect("warning", file, row, what, remedy))

    def note(self, text: str) -> None:
        """A choice that was made, worth printing; the same one is noted once."""
        self._notes[text] = None

    def rows(
        self,
        places: AnyPlaces,
        rows: Sequence[int] | npt.NDArray[np.int64],
        what: Callable[[int], str],
        remedy: str,
        more: str = "{} more rows have the same defect",
        warn: bool = False,
    ) -> None:
        """The same kind of defect in several rows: the first few, and how many more.

        Args:
            rows: Positions of the rows, counted from 0.
            what: Says of a position what is wrong there.
            more: Says how many are not listed.
        """
        severity = self.warning if warn else self.error
        for row in rows[:LISTED]:
            file, number = places.of(int(row))
            severity(file, what(int(row)), remedy, number)
        if len(rows) > LISTED:
            file, _ = places.of(int(rows[LISTED]))
            severity(file, more.format(len(rows) - LISTED))

    def source(self, source: TableSource) -> None:
        """What a source says of how it was read."""
        for one in source.parts:
            for remark in one.remarks:
                self.note(f"{one.name}: {remark}")
            self._found += one.warnings

    def take(self, error: InputError) -> None:
        """Add the defects of an error that was raised further down."""
        self._found += error.defects

    @property
    def has_errors(self) -> bool:
        """Whether there is an error among them."""
        return self.error_count > 0

    @property
    def error_count(self) -> int:
        """How many errors there are so far."""
        return sum(defect.severity == "error" for defect in self._found)

    @property
    def notes(self) -> tuple[str, ...]:
        """All notes."""
        return tuple(self._notes)

    @property
    def warnings(self) -> tuple[Defect, ...]:
        """All warnings."""
        return tuple(defect for defect in self._found if defect.severity == "warning")

    def stop(self) -> NoReturn:
        """Raise all defects, errors first: there is an error among them.

        Raises:
            InputError: Always.
        """
        self.stop_on_errors()
        raise AssertionError("unreachable: what is missing was reported")

    def stop_on_errors(self) -> None:
        """Raise all defects, errors first, if there is an error among them.

        Raises:
            InputError: There is an error.
        """
        if self.has_errors:
            raise InputError(list(dict.fromkeys(sorted(self._found, key=lambda defect: defect.severity))))
