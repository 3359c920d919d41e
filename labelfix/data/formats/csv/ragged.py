"""Rows of a CSV file that have more or fewer cells than its header."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats.csv.dialect import Dialect
from labelfix.data.formats.csv.lines import is_set_apart, lines_of
from labelfix.data.formats.csv.no_rows import COMMENT, MOST_BELOW, RULER
from labelfix.errors import Defect

DEFECTS_LISTED = 5
BEYOND = "\0beyond"
"""Name of the cell that a delimiter at the end of every row begins: no file can call a column so."""


END_OF_DISKS = "\x1a\x00 \t"
"""How DOS marks the end of a text, and what it is filled up with."""


class Ragged:
    """Gathers the rows of a file that are ragged.

    Attributes:
        rows: How many there are.
        ruler: Whether the first line below the header only draws; it is none of them.
        comments: Numbers of those that begin as comments do; they are none of them but for `comments_are_rows`.
    """

    def __init__(self, name: str, dialect: Dialect) -> None:
        self.rows = 0
        self.ruler = False
        self.comments: list[int] = []
        self._name = name
        self._dialect = dialect
        self._first: list[tuple[int, int, str]] = []
        self._commented: list[tuple[int, int, str]] = []
        self._read = 0

    def take(self, row: Any) -> str:  # noqa: ANN401 - a pyarrow.csv.InvalidRow
        """Note a row that pyarrow cannot take, and go on."""
        # One cell more than the header has comes with every row where rows end in a delimiter.
        cells = row.actual_columns - (self._dialect.trailing and row.actual_columns > len(self._dialect.header) + 1)
        if row.number == 1 and RULER.fullmatch(row.text.strip()):
            self.ruler = True
        elif row.text.startswith(COMMENT):
            self.comments.append(row.number)
            self._commented = [*self._commented, (row.number, cells, row.text)][:MOST_BELOW]
        else:
            self._add(row.number, cells, row.text)
        return "skip"

    def without_end(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch without the empty cell that a delimiter at the end of every row begins."""
        if not self._dialect.trailing:
            return batch
        beyond = batch.column(batch.num_columns - 1)
        if pc.sum(pc.binary_length(beyond)).as_py():
            for place, cell in enumerate(beyond.to_pylist()):
                if cell:
                    self._add(self._read + place + 1, len(self._dialect.header) + 1, cell.decode())
        self._read += batch.num_rows
        return batch.select(range(batch.num_columns - 1))

    def comments_are_rows(self) -> None:
        """Take what begins as comments do for ragged rows: others that are sound begin so, too."""
        self._first = sorted(chain(self._first, self._commented))[:MOST_BELOW]
        self.rows += len(self.comments)
        self.comments = []

    def end(self, rows: int) -> list[str]:
        """A report's last lines, where the ragged rows are these: all at the end, too short, and set apart.

        Args:
            rows: How many rows have as many cells as the header.
        """
        first = rows + 1 + self.ruler + len(self.comments)
        below = [text for number, cells, text in self._first if cells < len(self._dialect.header) and number >= first]
        if not 0 < len(below) == self.rows <= MOST_BELOW:
            return []
        if any(text.strip(END_OF_DISKS) for text in below) and not is_set_apart(self._dialect, first):
            return []
        return [text.strip(self._dialect.quote or "") for text in below]

    def defects(self, passed: Sequence[int]) -> list[Defect]:
        """A defect for each of the first rows, and how many more there are.

        Args:
            passed: Positions of rows that are none, which are not counted.
        """
        header = len(self._dialect.header) - self._dialect.row_names
        remedy = "quote cells that hold the delimiter, or fix the row"
        if header == 1:
            remedy = "part all cells, those of the header too, by a comma, a semicolon or a tab"
        fewer = "fill in what is missing; a cell may be empty, and has its delimiter then"
        if any(b[0] == a[0] + 1 and a[1] + b[1] == header + 1 for a, b in pairwise(self._first)):
            fewer = "a line break within a cell seems to have cut a row in two: quote cells that hold line breaks"
        if all(cells == 1 for _, cells, _ in self._first):
            fewer = f"cells of the header are parted by {self._dialect.delimiter!r}: part those of the rows by it, too"
        first = [(n - self._before(n, passed), cells, text) for n, cells, text in self._first[:DEFECTS_LISTED]]
        lines = lines_of(self._dialect, [number for number, _, _ in first], comments=bool(self.comments))
        found = [
            Defect(
                "error",
                self._name,
                number,
                f"has {cells} cells, but the header has {header} (line {lines.get(number, '?')}: {text[:60]!r})",
                remedy if cells > header else fewer,
            )
            for number, cells, text in first
        ]
        return first_few(found, self.rows)

    def _before(self, number: int, passed: Sequence[int]) -> int:
        """How many records before one are no rows, whose positions do not count ragged ones."""
        none = self.ruler + sum(other < number for other in self.comments)
        ragged = sum(other < number for other, _, _ in self._first) + none
        return none + sum(position < number - 1 - ragged for position in passed)

    def _add(self, number: int, cells: int, text: str) -> None:
        self.rows += 1
        if len(self._first) < MOST_BELOW:
            self._first.append((number, cells, text))


def first_few(defects: list[Defect], count: int | None = None) -> list[Defect]:
    """The first five, and how many more there are.

    Args:
        count: How much that is in all, where not all of it is listed.
    """
    more = (len(defects) if count is None else count) - DEFECTS_LISTED
    if more <= 0:
        return defects
    told = f"{more} more rows have the same defect"
    return [*defects[:DEFECTS_LISTED], Defect("error", defects[0].file, None, told)]
