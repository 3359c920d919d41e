"""Finding the rows of a text file that are none while it is read for the first time; see `no_rows`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats.csv.no_rows import (
    MOST_BELOW,
    NOTHING,
    RULER,
    TOTAL,
    PassedOver,
    all_but,
    is_no_row,
    is_total,
)

FIRST_CELLS = 8
"""Cells of a row among which the first filled one is looked for."""


@dataclass
class NoRows:
    """Finds them while a file is read for the first time.

    Attributes:
        titles: The header's.
        explained: How many rows right below the header explain it.
        empty: Positions of rows without any value.
        again: Those of the header repeated.
        drawn: Those of dashes.
        tail: Those of the last rows, where only the first cell of them is filled and a row without a value goes before.
        ruler: See `PassedOver`.
        end: A report's last lines, where they have another number of cells.
        totals: Last rows that may be totals: their positions and cells.
    """

    titles: Sequence[str]
    explained: int = 0
    empty: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    drawn: list[int] = field(default_factory=list)
    tail: list[int] = field(default_factory=list)
    ruler: bool = False
    end: Sequence[str] = ()
    totals: dict[int, list[str]] = field(default_factory=dict)
    _seen: int = 0
    _below: bool = False

    @property
    def rows(self) -> list[int]:
        """All positions found so far but those of `tail`, which only the end of the file settles."""
        return sorted([*range(self.explained), *self.empty, *self.again, *self.drawn])

    @property
    def below(self) -> list[int]:
        """Positions of what stands below the rows, after all have been seen: a report's end, and totals above it."""
        gone, last = {*self.rows, *self.tail}, self._seen - 1
        while last in gone or self._is_total(last):
            gone.add(last)
            last -= 1
        return sorted({*self.tail, *(row for row in self.totals if row in gone)})

    def take(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_] | None:
        """`(n,)` which of the next rows, with all columns in bytes, are rows; None where all are."""
        first, self._seen = self._seen, self._seen + batch.num_rows
        if batch.num_columns < 2 or not batch.num_rows:
            return None
        bare = _empty(batch.columns[1:])
        empty = pc.and_(bare, _empty(batch.columns[:1])) if pc.any(bare).as_py() else bare
        none = pc.indices_nonzero(empty).to_pylist()
        self.totals = _totals(batch, first)
        self._follow(pc.indices_nonzero(bare).to_pylist(), none, batch.num_rows, first)
        self.empty += [first + row for row in none]
        none += range(min(max(self.explained - first, 0), batch.num_rows))
        for row in self._candidates(batch, first):
            cells = _cells(batch, row)
            if any(cells) and is_no_row(cells, self.titles, first + row == 0):
                drawn = first + row == 0 and RULER.fullmatch(" ".join(cells)) is not None
                (self.drawn if drawn else self.again).append(first + row)
                none.append(row)
        return all_but(none, batch.num_rows)

    def found(self) -> PassedOver:
        """What is to be passed over, after all rows have been seen."""
        said = tuple(self._said())
        rows = tuple(sorted({*self.rows, *self.below}))
        return PassedOver(rows, self.ruler, self._seen if self.end else None, said) if said else NOTHING

    def _is_total(self, row: int) -> bool:
        above = row - len(self.rows)
        return row in self.totals and is_total(self.totals[row], range(above - len(self.totals), above + 1))

    def _said(self) -> Iterator[str]:
        if self.explained:
            yield f"rows right below the header that explain it, which are passed over: {self.explained}"
        if self.ruler or self.drawn:
            yield "the line of dashes below the header is passed over"
        if self.empty:
            yield f"rows without any value, which are passed over: {len(self.empty):,}"
        if self.again:
            yield f"rows that repeat the header, which are passed over: {len(self.again):,}"
        last = self.below
        below = len(last) + len(self.end)
        if below:
            cells = next((self.totals[row] for row in last if row in self.totals), None)
            shown = ",".join(cells) if cells else self.end[0].strip() if self.end else ""
            shown = f", {shown[:60]!r}" if shown else ""
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


def _cells(batch: pa.RecordBatch, row: int) -> list[str]:
    return [column[row].as_py().decode("utf-8", "replace") for column in batch.columns]


def _totals(batch: pa.RecordBatch, first: int) -> dict[int, list[str]]:
    """Of the last rows those whose first filled cell is a word for a total: position and cells."""
    found = {}
    for row in range(max(batch.num_rows - MOST_BELOW, 0), batch.num_rows):
        head = next((cell for column in batch.columns[:FIRST_CELLS] if (cell := column[row].as_py().strip())), b"")
        if TOTAL.fullmatch(head[:60].decode("utf-8", "replace")):
            found[first + row] = _cells(batch, row)
    return found


def _empty(columns: Sequence[pa.Array]) -> pa.Array:
    """`(n,)` whether all cells of a row are empty; from the last column, which is hardly ever."""
    flags: pa.Array = None
    for column in reversed(columns):
        bare = pc.invert(pc.binary_length(column).cast(pa.bool_()))
        flags = bare if flags is None else pc.and_(flags, bare)
        if not pc.any(flags).as_py():
            break
    return flags
