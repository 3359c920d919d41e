"""The rows of a CSV file as the bytes that stand in it, so that an export can leave them alone.

A record is a row without its line end. Lines without quotes are told apart by NumPy, and so are quoted cells where
every quote plainly opens or closes one; the rest by a regular expression.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats.bounds import RECORD_BYTES, too_long
from labelfix.data.formats.csv.dialect import Dialect
from labelfix.data.formats.csv.no_rows import COMMENT

BLOCK = 1 << 20
LF, CR = 10, 13
ENDS = (b"", b"\n", b"\r\n", b"\r")
"""Line ends, by their code in `Records.ends`."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """Some consecutive rows.

    Attributes:
        texts: `(n,)` strings, the rows without their line ends.
        ends: `(n,)` codes of their line ends, see `ENDS`; 0 where the file ends without one.
    """

    texts: pa.Array
    ends: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, rows: slice) -> Records:
        start, stop, _ = rows.indices(len(self))
        return Records(self.texts.slice(start, stop - start), self.ends[rows])


@dataclass(frozen=True)
class Cells:
    """Takes a record apart."""

    dialect: Dialect

    def split(self, record: bytes) -> list[bytes]:
        """The cells of a record as they stand in it."""
        quote, escape, delimiter = self._marks
        if (not quote or quote not in record) and (not escape or escape not in record):
            return record.split(delimiter)
        found, place = [], 0
        while True:
            match = self._cell.match(record, place)
            assert match is not None, "a cell may be empty, so one always matches"
            found.append(match[0])
            place = match.end() + 1
            if place > len(record):
                return found

    def end(self, data: bytes, place: int) -> int | None:
        """Where a record that begins at a place ends; None where more of the file has to be known."""
        match = self._record.match(data, place)
        return None if match is None or match.end() == len(data) else match.end()

    @cached_property
    def _marks(self) -> tuple[bytes, bytes, bytes]:
        """Quote, escape and delimiter; empty where there is none."""
        dialect = self.dialect
        return (dialect.quote or "").encode(), (dialect.escape or "").encode(), dialect.delimiter.encode()

    @cached_property
    def _cell(self) -> re.Pattern[bytes]:
        return re.compile(self._pattern(rb""), re.DOTALL)

    @cached_property
    def _record(self) -> re.Pattern[bytes]:
        cell = self._pattern(rb"\r\n")
        return re.compile(rb"(?>%s)(?:%s(?>%s))*+(?=[\r\n])" % (cell, self._delimiter, cell), re.DOTALL)

    @property
    def _delimiter(self) -> bytes:
        return re.escape(self.dialect.delimiter.encode())

    def _pattern(self, breaks: bytes) -> bytes:
        """A cell; in a record, unquoted ones end at line breaks."""
        stop = self._delimiter + breaks
        quote, escape = (
            re.escape(text.encode()) if text else None for text in (self.dialect.quote, self.dialect.escape)
        )
        plain = rb"[^%s]*+" % stop if escape is None else rb"(?:%s.|[^%s%s])*+" % (escape, stop, escape)
        if quote is None:
            return plain
        inside = (
            rb"[^%s]*+(?:%s%s[^%s]*+)*+" % (quote, quote, quote, quote)
            if escape is None
            else rb"(?:%s.|[^%s%s])*+" % (escape, quote, escape)
        )
        # What follows a closing quote belongs to the cell. A quote never closed is no cell: the file goes on.
        rest = rb"" if breaks else rb"|%s.*+" % quote
        return rb"(?>%s%s%s%s|(?!%s)%s%s)" % (quote, inside, quote, plain, quote, plain, rest)


def read_records(dialect: Dialect) -> Iterator[Records]:
    """All rows below the header, in order; blank lines and what else is no row are left out.

    Args:
        dialect: How the file is written, which has been read before and so is known to be sound.
    """
    passed = dialect.passed
    first = -passed.ruler
    for records in _all_records(dialect):
        if passed.comments:
            kept = pc.invert(pc.starts_with(records.texts, COMMENT))
            records = Records(records.texts.filter(kept), records.ends[np.asarray(kept)])
        start = first
        records = records[max(-start, 0) :]
        first, begin = start + len(records) + max(-start, 0), max(start, 0)
        if passed.end is not None:
            records = records[: max(passed.end - begin, 0)]
        kept = passed.kept(begin, len(records))
        if kept is not None:
            records = Records(records.texts.filter(pa.array(kept)), records.ends[kept])
        if len(records):
            yield records


def _all_records(dialect: Dialect) -> Iterator[Records]:
    """All records below the header, in order; blank lines are left out.

    Args:
        dialect: How the file is written, which has been read before and so is known to be sound.
    """
    cells = Cells(dialect)
    with closing(dialect.text.open()) as stream:
        stream.read(dialect.start)
        rest = b""
        size = BLOCK
        while block := stream.read(size):
            data = rest + block
            records, used = _take(data, cells)
            rest = data[used:]
            # One long record: read more at once, or the same bytes would be looked at again and again.
            size = BLOCK if used else size * 2
            if len(rest) > RECORD_BYTES:
                raise too_long(dialect.text.name, None, "a row")
            if len(records):
                yield records
    if rest:
        # A record without a line end gets one to be found by, which is not given back.
        records, _ = _take(rest + b"\n\n", cells)
        records.ends[-1:] = 3 if rest.endswith(b"\r") else 0
        yield records


class Aligned:
    """Rows of files, one after the other, given back in pieces of any size."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._read = (records for dialect in dialects for records in read_records(dialect))
        self._held: list[Records] = []

    def take(self, rows: int) -> Records:
        """The next rows; fewer only at the end."""
        while sum(map(len, self._held)) < rows and (more := next(self._read, None)) is not None:
            self._held.append(more)
        texts = pa.concat_arrays([part.texts for part in self._held] or [pa.nulls(0, pa.string())])
        whole = Records(texts, np.concatenate([np.empty(0, np.int8), *(part.ends for part in self._held)]))
        self._held = [whole[rows:]] if len(whole) > rows else []
        return whole[:rows]


def _take(data: bytes, cells: Cells) -> tuple[Records, int]:
    """The whole records at the beginning of some bytes, and how many bytes they and their line ends take."""
    letters = np.frombuffer(data, np.uint8)
    ends = _plain_ends(data, letters, cells.dialect)
    stops: Places
    if ends is None:
        ends, stops = _matched(data, cells)
    else:
        stops = _after(letters, ends)
    # A line end in two letters may be cut in two.
    if len(ends) and stops[-1] == len(data) and data[-1] == CR:
        ends, stops = ends[:-1], stops[:-1]
    if not len(ends):
        return Records(pa.nulls(0, pa.string()), np.empty(0, np.int8)), 0
    begins = np.concatenate([np.zeros(1, np.int64), stops[:-1]])
    used = int(stops[-1])
    kept = np.ones(used, bool)
    kept[ends] = False
    kept[stops - 1] = False
    there = ends > begins
    codes = np.where(stops - ends == 2, 2, np.where(letters[ends] == CR, 3, 1)).astype(np.int8)[there]
    lengths = np.concatenate([np.zeros(1, np.int64), np.cumsum((ends - begins)[there])])
    offsets = pa.py_buffer(lengths.astype(np.int32))
    texts = pa.Array.from_buffers(pa.string(), len(codes), [None, offsets, pa.py_buffer(letters[:used][kept])])
    return Records(texts, codes), used


def _plain_ends(data: bytes, letters: npt.NDArray[np.uint8], dialect: Dialect) -> Places | None:
    """Where records end, if that is plain to see: None where quotes or escapes make it hard."""
    # Where quotes are escaped, two of them side by side are no pair.
    if dialect.escape is not None and any(mark.encode() in data for mark in (dialect.escape, dialect.quote) if mark):
        return None
    ends: Places = np.flatnonzero(letters == LF)
    if b"\r" in data:
        returns = np.flatnonzero(letters == CR)
        # In a pair, the return is where the record ends.
        after = np.minimum(returns + 1, len(data) - 1)
        paired = returns[letters[after] == LF]
        ends = np.union1d(np.setdiff1d(ends, paired + 1, assume_unique=True), returns)
    if dialect.quote is None or dialect.quote.encode() not in data:
        return ends
    quotes = np.flatnonzero(letters == ord(dialect.quote))
    if not _in_pairs(letters, quotes, dialect):
        return None
    outside: Places = ends[np.searchsorted(quotes, ends) % 2 == 0]
    return outside


def _in_pairs(letters: npt.NDArray[np.uint8], quotes: Places, dialect: Dialect) -> bool:
    """Whether every quote opens or closes a cell, or stands beside its double within one."""
    edges = np.zeros(256, bool)
    edges[[ord(dialect.delimiter), ord(dialect.quote or '"'), LF, CR]] = True
    opening, closing_ = quotes[0::2], quotes[1::2]
    before = opening[opening > 0] - 1
    after = closing_[closing_ < len(letters) - 1] + 1
    return bool(edges[letters[before]].all() and edges[letters[after]].all())


def _after(letters: npt.NDArray[np.uint8], ends: Places) -> Places:
    """Where the line ends stop that begin at some places."""
    following = letters[np.minimum(ends + 1, len(letters) - 1)]
    pairs = (letters[ends] == CR) & (following == LF) & (ends + 1 < len(letters))
    stops: Places = ends + 1 + pairs
    return stops


def _matched(data: bytes, cells: Cells) -> tuple[Places, Places]:
    """Where records and their line ends end, one by one."""
    ends: list[int] = []
    stops: list[int] = []
    place = 0
    while (end := cells.end(data, place)) is not None:
        place = end + (2 if data[end : end + 2] == b"\r\n" else 1)
        ends.append(end)
        stops.append(place)
    return np.array(ends, np.int64), np.array(stops, np.int64)


def same_text(cell: bytes, text: str, reader: Any) -> bool:  # noqa: ANN401 - arguments of csv.reader
    """Whether a cell as it stands in a record reads as some text."""
    return cell == text.encode() or next(csv.reader([cell.decode()], **reader), [""]) == [text]
