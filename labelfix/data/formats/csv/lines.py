"""Rows of a CSV file beside their lines, for messages and findings: by Python's csv module, a row at a time."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
from contextlib import closing
from typing import IO, cast

from labelfix.data.formats.csv.dialect import Dialect, long_cells
from labelfix.data.formats.csv.header import explanations
from labelfix.data.formats.csv.no_rows import (
    COMMENT,
    RULER,
    TOTAL,
    are_headings,
    is_heading,
    is_no_row,
    is_subtotal,
    looks_as_heading,
)
from labelfix.data.formats.text_file import UTF8, NotTextError, not_text
from labelfix.errors import InputError

_BAD = re.compile("[\x00\udc80-\udcff\ufffd]")
"""A byte that stands for itself, a character that stands for what could not be decoded, or a zero byte."""


def numbered_rows(
    dialect: Dialect, errors: str = "replace", comments: bool = True
) -> Iterator[tuple[int, int, list[str]]]:
    """All rows with their number and the line that they begin on, both from 1; row 0 is the header.

    Blank lines and what `no_rows` finds are no rows, but count as lines; so do line breaks within quotes.

    Args:
        errors: What to do with bytes that are not text, as in `bytes.decode`.
        comments: Whether lines of comment between the rows are none.
    """
    width = len(dialect.header) + dialect.trailing
    explained = explanations(dialect.rows)
    number = -1
    first = True
    headings: bool | None = None
    for line, cells, _ in _records(dialect, errors):
        if number >= 0:
            if explained and len(cells) == width:
                explained, first = explained - 1, False
                continue
            if is_no_row(cells, dialect.titles, first) or is_subtotal(cells):
                first = False
                continue
            if comments and len(cells) != width and cells[0].startswith(COMMENT):
                continue
            if not any(cells[1:]) and is_heading(cells[0].strip()):
                headings = _has_headings(dialect, errors) if headings is None else headings
                if headings:
                    continue
            first = False
        number += 1
        yield number, line, cells


def _has_headings(dialect: Dialect, errors: str) -> bool:
    """Whether rows of which only the first cell is filled are headings; see `no_rows.are_headings`."""
    alone = others = 0
    named_so = False
    for place, (_, cells, _) in enumerate(_records(dialect, errors)):
        if place and any(cells[1:]):
            others, named_so = others + 1, named_so or looks_as_heading(cells[0])
        elif place and cells[0]:
            alone += is_heading(cells[0].strip())
    return are_headings(alone, others, named_so, len(dialect.header))


def is_set_apart(dialect: Dialect, record: int) -> bool:
    """Whether a record, counted from 1 below the header, plainly is no row: after a blank line, drawn, or a count."""
    for number, (_, cells, gap) in enumerate(_records(dialect, "replace")):
        if number == record:
            line = dialect.delimiter.join(cells).strip()
            return gap or TOTAL.fullmatch(cells[0].strip()) is not None or RULER.fullmatch(line) is not None
    return False


def _records(dialect: Dialect, errors: str) -> Iterator[tuple[int, list[str], bool]]:
    """All records from the header on with the line that they begin on, and whether a blank line goes before."""
    before = list(io.StringIO(dialect.preamble, newline=""))
    with long_cells(), closing(dialect.text.open(errors)) as stream:
        text = io.TextIOWrapper(cast(IO[bytes], stream), encoding=UTF8, errors=errors, newline="")
        for _ in before:
            text.readline()
        reader = csv.reader(text, **dialect.reader)
        line, gap = len(before) + 1, False
        for cells in reader:
            if cells:
                yield line, cells, gap
            gap = not cells
            line = len(before) + reader.line_num + 1


def lines_of(dialect: Dialect, rows: Collection[int], comments: bool) -> dict[int, int]:
    """The lines that some rows begin on; see `numbered_rows`."""
    last = max(rows, default=0)
    found = {}
    for number, line, _ in numbered_rows(dialect, comments=comments):
        if number in rows:
            found[number] = line
        if number >= last:
            break
    return found


def read_text(dialect: Dialect) -> str:
    """All of a file.

    Raises:
        InputError: Some of it is not text.
    """
    with dialect.text.open() as stream:
        try:
            return stream.read().decode()
        except NotTextError:
            assert stream.failure is not None, "it says why it stopped"
            raise no_text_error(dialect, stream.failure) from None


def no_text_error(dialect: Dialect, failure: tuple[str, int]) -> InputError:
    """The error for bytes that are not text, with the row and the column that they stand in."""
    for number, _, cells in numbered_rows(dialect, dialect.text.lenient):
        place = next((place for place, cell in enumerate(cells) if _BAD.search(cell)), None)
        if place is not None:
            column = f", column {dialect.header[place]!r}" if place < len(dialect.header) else ""
            return not_text(dialect.text, failure, f"in row {number}{column}" if number else "in the header")
    return not_text(dialect.text, failure, "")
