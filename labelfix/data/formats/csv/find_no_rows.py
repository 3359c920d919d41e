"""Finding the rows of a text file that are none while it is read for the first time; see `no_rows`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats.csv.no_rows import (
    COMMENT,
    COMMENTED_OUT,
    HEADED,
    KEY,
    MOST_BELOW,
    MOST_COMMENTS,
    NOTHING,
    RULER,
    SUBTOTAL,
    WIDE_COMMENT,
    PassedOver,
    all_but,
    are_headings,
    is_heading,
    is_no_row,
    is_other_header,
    is_subtotal,
    is_total,
)
from labelfix.data.formats.many_columns import flags_of, numbers_of

MOST_TITLES = 100
"""Titles of which any may begin a header that stands between the rows."""
MOST_AROUND = 16
"""Bytes of spaces that may stand around a title where it is repeated."""


@dataclass
class NoRows:
    """Finds them while a file is read for the first time.

    Attributes:
        titles: The header's.
        explained: How many rows right below the header explain it.
        empty: Positions of rows without any value.
        again: Those of the header repeated.
        drawn: Those of dashes.
        totals: Those that add rows above them up.
        comments: How many lines of comment there are, with another number of cells.
        end: A report's last lines, where they have another number of cells.
        other_header: The first row, from 1, that has the titles in another order.
    """

    titles: Sequence[str]
    explained: int = 0
    empty: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    drawn: list[int] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    ruler: bool = False
    comments: int = 0
    end: Sequence[str] = ()
    other_header: int | None = None
    _seen: int = 0
    _alone: dict[int, str] = field(default_factory=dict)
    """Rows of which only the first cell is filled, as a heading may: positions and cells."""
    _named_so: bool = False
    """Whether the first cell of other rows looks like a heading, too."""
    _hashed: list[int] = field(default_factory=list)
    """Positions of rows that begin as a comment in words does."""
    _taken_out: list[int] = field(default_factory=list)
    """Those of rows that begin with # and an id."""
    _keyed: bool = True
    """Whether all other rows begin with an id."""
    _begins_so: bool = False
    _last: list[tuple[int, list[str]]] = field(default_factory=list)
    """The last rows with a value: positions and cells."""

    @cached_property
    def headings(self) -> dict[int, str]:
        """Headings between the rows, after all have been seen: only their first cell is filled, and no row's is so."""
        others = self._seen - len(self._alone) - len(self.empty)
        return self._alone if are_headings(len(self._alone), others, self._named_so, len(self.titles)) else {}

    @cached_property
    def wide_comments(self) -> Sequence[int]:
        """Comments as wide as the header, after all rows have been seen: few, where no other row begins in words."""
        most = MOST_COMMENTS * (self._seen - len(self.empty))
        hashed = self._hashed if len(self._hashed) <= most and not self._named_so else []
        taken_out = self._taken_out if len(self._taken_out) <= most and self._keyed else []
        return sorted([*hashed, *taken_out])

    @property
    def begins_so(self) -> bool:
        """Whether a row begins as a comment does, after all have been seen."""
        return self._begins_so or len(self._hashed) + len(self._taken_out) > len(self.wide_comments)

    @property
    def retype(self) -> bool:
        """Whether something that is no row has been seen as if it were one: it may have another type."""
        return bool(self.below or self.headings or self.wide_comments)

    @property
    def rows(self) -> list[int]:
        """All positions found so far but those of `below`, which only the end of the file settles."""
        return sorted([*range(self.explained), *self.empty, *self.again, *self.drawn, *self.totals])

    @cached_property
    def below(self) -> dict[int, list[str]]:
        """What stands below the rows, after all have been seen: positions and cells.

        These are totals, and rows of which only the first cell is filled where a row without any value or a total goes
        before.
        """
        found: dict[int, list[str]] = {}
        open_: dict[int, list[str]] = {}
        after, rows = self._seen, self._seen - len(self.rows)
        for place, cells in reversed(self._last):
            if place + 1 < after:  # rows without any value stand between
                found, open_ = found | open_, {}
            total = is_total(cells, range(rows - MOST_BELOW, rows + 1))
            if any(cells[1:]) and not total:
                break
            open_[place], after = cells, place
            if total:
                found, open_ = found | open_, {}
        return found

    def take(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_] | None:
        """`(n,)` which of the next rows, with all columns in bytes, are rows; None where all are."""
        first, self._seen = self._seen, self._seen + batch.num_rows
        if batch.num_columns < 2 or not batch.num_rows:
            return None
        begins = batch.column(0)
        alone = _empty(batch.columns[1:])
        empty = pc.and_(alone, _empty([begins]))
        self._take_headings(begins, pc.and_not(alone, empty), pc.invert(alone), first)
        filled = pc.indices_nonzero(pc.invert(empty))
        last = filled.slice(max(len(filled) - MOST_BELOW, 0)).to_pylist()
        self._last = [*self._last, *((first + row, _cells(batch, row)) for row in last)][-MOST_BELOW:]
        none = pc.indices_nonzero(empty).to_pylist()
        self.empty += [first + row for row in none]
        none += range(min(max(self.explained - first, 0), batch.num_rows))
        again, candidates = self._candidates(batch, first)
        self.again += [first + row for row in again]
        none += again
        for row in candidates:
            cells = _cells(batch, row)
            if any(cells) and is_no_row(cells, self.titles, first + row == 0):
                drawn = first + row == 0 and RULER.fullmatch(" ".join(cells)) is not None
                (self.drawn if drawn else self.again).append(first + row)
                none.append(row)
            elif is_other_header(cells, self.titles):
                self.other_header = self.other_header or first + row + 1 - len(self.rows)
        for row in pc.indices_nonzero(pc.match_substring_regex(batch.column(0), SUBTOTAL)).to_pylist():
            if is_subtotal(_cells(batch, row)):
                self.totals.append(first + row)
                none.append(row)
        return all_but(none, batch.num_rows)

    def found(self) -> PassedOver:
        """What is to be passed over, after all rows have been seen."""
        said = tuple(self._said())
        rows = tuple(sorted({*self.rows, *self.below, *self.headings, *self.wide_comments}))
        end = self._seen if self.end else None
        return PassedOver(rows, self.ruler, self.comments > 0, end, said) if said else NOTHING

    def _said(self) -> Iterator[str]:
        if self.explained:
            yield f"rows right below the header that explain it, which are passed over: {self.explained}"
        if self.ruler or self.drawn:
            yield "the line of dashes below the header is passed over"
        if self.empty:
            yield f"rows without any value, which are passed over: {len(self.empty):,}"
        if self.again:
            yield f"rows that repeat the header, which are passed over: {len(self.again):,}"
        if between := [row for row in self.totals if row not in self.below]:
            yield f"rows of totals between the rows, which are passed over: {len(between):,}"
        if comments := self.comments + len(self.wide_comments):
            yield f"lines of comment between the rows, which are passed over: {comments:,}"
        if headings := [cell for row, cell in self.headings.items() if row not in self.below]:
            told = "headings between the rows, which are passed over"
            yield f"{told}: {len(headings):,}, {headings[0].strip()[:60]!r}"
        below = [",".join(cells).rstrip(",") for _, cells in sorted(self.below.items())] + [*self.end]
        if below:
            told = "lines of a report's end below the rows, which are passed over"
            yield f"{told}: {len(below)}, {below[0].strip()[:60]!r}"

    @cached_property
    def _begins_header(self) -> str:
        """What the first cell of a header of the same titles holds, in another order or case."""
        titles = [rf"\Q{title}\E" for title in self.titles[:MOST_TITLES] if title and "\\" not in title]
        return rf"(?i)^\s*(?:{'|'.join(titles)})\s*$"

    def _take_headings(self, begins: pa.Array, alone: pa.Array, others: pa.Array, first: int) -> None:
        """Note rows of which only the first cell is filled, and whether the other rows begin like these."""
        hashed = pc.and_(others, pc.match_substring_regex(begins, WIDE_COMMENT))
        self._hashed += [first + row for row in pc.indices_nonzero(hashed).to_pylist()]
        taken_out = pc.and_(others, pc.match_substring_regex(begins, COMMENTED_OUT))
        self._taken_out += [first + row for row in pc.indices_nonzero(taken_out).to_pylist()]
        rows = begins.filter(pc.and_not(others, pc.or_(hashed, taken_out)))
        self._keyed = self._keyed and bool(pc.all(pc.match_substring_regex(rows, KEY)).as_py())
        self._begins_so = self._begins_so or bool(pc.any(pc.starts_with(rows, COMMENT)).as_py())
        if not self._named_so:
            self._named_so = bool(pc.any(pc.match_substring_regex(rows, HEADED)).as_py())
        for row in pc.indices_nonzero(alone).to_pylist() if not self._named_so else ():
            cell = begins[row].as_py().decode("utf-8", "replace")
            if is_heading(cell.strip()):
                self._alone[first + row] = cell

    def _candidates(self, batch: pa.RecordBatch, first: int) -> tuple[list[int], list[int]]:
        """Rows that hold all titles as they are, and those worth a look: with the longest title, or any first."""
        keys = [title.encode("utf-8", "surrogateescape") for title in self.titles]
        place = max(range(len(keys)), key=lambda at: len(self.titles[at]))
        column, key = batch.column(place), keys[place]
        begins = pc.match_substring_regex(batch.column(0), self._begins_header)
        begin = {*([0] if first == 0 else []), *pc.indices_nonzero(begins).to_pylist()}
        if not key:
            return [], sorted(begin)
        near = flags_of(pc.match_substring(column, key)) & (_lengths(column) <= len(key) + MOST_AROUND)
        same = near & (first + np.arange(len(near)) > 0)
        for title, cells in zip(keys, batch.columns, strict=True):
            if same.any():
                same &= flags_of(pc.starts_with(cells, title)) & (_lengths(cells) == len(title))
        again = np.flatnonzero(same).tolist()
        return again, sorted({*np.flatnonzero(near).tolist(), *begin} - set(again))


def _lengths(cells: pa.Array) -> npt.NDArray[np.int32]:
    return numbers_of(pc.binary_length(cells), np.int32)


def _cells(batch: pa.RecordBatch, row: int) -> list[str]:
    return [column[row].as_py().decode("utf-8", "replace") for column in batch.columns]


def _empty(columns: Sequence[pa.Array]) -> pa.Array:
    """`(n,)` whether all cells of a row are empty; from the last column, which is hardly ever."""
    flags: pa.Array = None
    for column in reversed(columns):
        bare = pc.invert(pc.binary_length(column).cast(pa.bool_()))
        flags = bare if flags is None else pc.and_(flags, bare)
        if not pc.any(flags).as_py():
            break
    return flags
