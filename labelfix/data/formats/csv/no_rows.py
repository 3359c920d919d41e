"""Rows of a text file that are none: without any value, its header again, dashes below it, a report's last lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MOST_BELOW = 30
"""Lines that a report's end has at most."""

RULER = re.compile(r"(?=.*--|.*==)[-=+|: \t]+")
"""A line that only draws: below the header of a Markdown table, or around what a database's shell prints."""


COUNT = re.compile(r"\(?[\d,]+ rows?\)?( in set.*)?")
"""What a database's shell prints below the rows."""


@dataclass(frozen=True)
class PassedOver:
    """What of a file is no row.

    Attributes:
        rows: Positions, from 0, among the rows that have as many cells as the header.
        ruler: Whether the first line below the header only draws, and has another number of cells.
        end: How many rows of the header's width there are, where a report's last lines follow; else None.
        said: What a person should know about it.
    """

    rows: tuple[int, ...] = ()
    ruler: bool = False
    end: int | None = None
    said: tuple[str, ...] = ()

    def kept(self, first: int, count: int) -> npt.NDArray[np.bool_] | None:
        """`(count,)` which of some rows are rows, the first of them at a position; None where all are."""
        return _all_but([row - first for row in self.rows if first <= row < first + count], count)


NOTHING = PassedOver()


def is_no_row(cells: Sequence[str], titles: Sequence[str], first: bool) -> bool:
    """Whether a record of several cells is no row.

    Args:
        cells: They.
        first: Whether it stands right below the header.
    """
    if not any(cells):
        return len(cells) > 1
    if first and RULER.fullmatch(" ".join(cells)):
        return True
    return len(cells) > 1 and [cell.strip("\ufeff \t") for cell in cells] == list(titles)


@dataclass
class NoRows:
    """Finds them while a file is read for the first time.

    Attributes:
        titles: The header's.
        empty: Positions of rows without any value.
        again: Those of the header repeated.
        drawn: Those of dashes.
        tail: Those of the last rows, where only the first cell of them is filled and a row without a value goes before.
        ruler: See `PassedOver`.
        end: A report's last lines, where they have another number of cells.
    """

    titles: Sequence[str]
    empty: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    drawn: list[int] = field(default_factory=list)
    tail: list[int] = field(default_factory=list)
    ruler: bool = False
    end: Sequence[str] = ()
    _seen: int = 0
    _below: bool = False

    @property
    def rows(self) -> list[int]:
        """All positions found so far but those of `tail`, which only the end of the file settles."""
        return sorted([*self.empty, *self.again, *self.drawn])

    def take(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_] | None:
        """`(n,)` which of the next rows, with all columns in bytes, are rows; None where all are."""
        first, self._seen = self._seen, self._seen + batch.num_rows
        if batch.num_columns < 2 or not batch.num_rows:
            return None
        bare = _empty(batch.columns[1:])
        empty = pc.and_(bare, _empty(batch.columns[:1])) if pc.any(bare).as_py() else bare
        none = pc.indices_nonzero(empty).to_pylist()
        self._follow(pc.indices_nonzero(bare).to_pylist(), none, batch.num_rows, first)
        self.empty += [first + row for row in none]
        for row in self._candidates(batch, first):
            cells = [cell.as_py().decode("utf-8", "replace") for cell in (column[row] for column in batch.columns)]
            if any(cells) and is_no_row(cells, self.titles, first + row == 0):
                drawn = first + row == 0 and RULER.fullmatch(" ".join(cells)) is not None
                (self.drawn if drawn else self.again).append(first + row)
                none.append(row)
        return _all_but(none, batch.num_rows)

    def found(self) -> PassedOver:
        """What is to be passed over, after all rows have been seen."""
        said = tuple(self._said())
        rows = tuple(sorted([*self.rows, *self.tail]))
        return PassedOver(rows, self.ruler, self._seen if self.end else None, said) if said else NOTHING

    def _said(self) -> Iterator[str]:
        if self.ruler or self.drawn:
            yield "the line of dashes below the header is passed over"
        if self.empty:
            yield f"rows without any value, which are passed over: {len(self.empty):,}"
        if self.again:
            yield f"rows that repeat the header, which are passed over: {len(self.again):,}"
        below = len(self.tail) + len(self.end)
        if below:
            shown = f", {self.end[0].strip()[:60]!r}" if self.end else ""
            yield f"lines of a report's end below the rows, which are passed over: {below}{shown}"

    def _follow(self, bare: Sequence[int], empty: Sequence[int], count: int, first: int) -> None:
        """Keep up which rows may be a report's end: only the first cell filled, after a row without any value."""
        start = count
        for row in reversed(bare):
            if row != start - 1:
                break
            start = row
        if start:
            self.tail, self._below = [], False
        if not self._below:
            gap = next((row for row in empty if row >= start), None)
            if gap is None:
                return
            self._below, start = True, gap
        gaps = set(empty)
        self.tail += [first + row for row in range(start, count) if row not in gaps]
        if len(self.tail) > MOST_BELOW:
            self.tail, self._below = [], False

    def _candidates(self, batch: pa.RecordBatch, first: int) -> list[int]:
        """Rows worth a look: those that hold the longest title in its own column, and the very first one."""
        place = max(range(len(self.titles)), key=lambda at: len(self.titles[at]))
        key = self.titles[place].encode("utf-8", "surrogateescape")
        found = pc.indices_nonzero(pc.match_substring(batch.column(place), key)).to_pylist() if key else []
        return sorted({*found, *([0] if first == 0 else [])})


def _empty(columns: Sequence[pa.Array]) -> pa.Array:
    """`(n,)` whether all cells of a row are empty; from the last column, which is hardly ever."""
    flags: pa.Array = None
    for column in reversed(columns):
        bare = pc.invert(pc.binary_length(column).cast(pa.bool_()))
        flags = bare if flags is None else pc.and_(flags, bare)
        if not pc.any(flags).as_py():
            break
    return flags


def _all_but(rows: Sequence[int], count: int) -> npt.NDArray[np.bool_] | None:
    """`(count,)` True but for some rows; None where there are none such."""
    if not rows:
        return None
    kept = np.ones(count, bool)
    kept[list(rows)] = False
    return kept
