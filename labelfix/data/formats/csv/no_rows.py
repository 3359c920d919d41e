"""Rows of a text file that are none: empty ones, its header again, dashes, comments, headings, totals, last lines."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_BELOW = 30
"""Lines that a report's end has at most."""

RULER = re.compile(r"(?=.*--|.*==)[-=+|: \t]+")
"""A line that only draws: below the header of a Markdown table, or around what a database's shell prints."""


TOTAL = re.compile(
    r"(?i)(?:grand[ -]?|sub[ -]?)?totals?\s*(?:\(.*\)|:.*)?"
    r"|(?:sum|count|average|mean|summe|gesamt|suma|totale)\s*:?"
    r"|(?:record|row)s?(?: count)?\s*:\s*\d+|\(?[\d,]+ (?:row|record)s?\)?( in set.*)?"
)
"""The first cell of a row that adds the others up or counts them, as reports and the shells of databases do."""
SUBTOTAL = r"(?i)^\s*(?:grand[ -]?|sub[ -]?)?totals?\b"
"""How the first cell of such a row begins where other rows follow it."""
HEADED = r"[^ ] +[^ ]|: *$"
"""What is in the first cell of a heading, and in that of no row where there are headings."""
COMMENT = "#"
"""How a line of comment begins."""
WIDE_COMMENT, MOST_COMMENTS = r"^#\s", 0.1
"""How one begins that may have commas in it, and how many of the rows such lines are at most."""
_KEY = r"[\w.:/-]*\d[\w.:/-]*$"
KEY, COMMENTED_OUT = f"^{_KEY}", f"^#{_KEY}"
"""The first cell of a row that begins with its id, and of one that somebody has taken out with a #."""
_AMOUNT = re.compile(r"[-+(]?\s*[$€£]?\s*\d[\d.,'\s]*[%)€]?")


@dataclass(frozen=True)
class PassedOver:
    """What of a file is no row.

    Attributes:
        rows: Positions, from 0 and in order, among the rows that have as many cells as the header.
        ruler: Whether the first line below the header only draws, and has another number of cells.
        comments: Whether lines that begin as comments are no rows; they have another number of cells.
        end: How many rows of the header's width there are, where a report's last lines follow; else None.
        said: What a person should know about it.
    """

    rows: tuple[int, ...] = ()
    ruler: bool = False
    comments: bool = False
    end: int | None = None
    said: tuple[str, ...] = ()

    def kept(self, first: int, count: int) -> npt.NDArray[np.bool_] | None:
        """`(count,)` which of some rows are rows, the first of them at a position; None where all are."""
        inside = self.rows[bisect_left(self.rows, first) : bisect_left(self.rows, first + count)]
        return all_but([row - first for row in inside], count)


NOTHING = PassedOver()


def is_subtotal(cells: Sequence[str]) -> bool:
    """Whether a row between others adds rows above it up."""
    return re.match(SUBTOTAL, cells[0]) is not None and not all(cells) and is_total(cells, range(0))


def looks_as_heading(cell: str) -> bool:
    """Whether the first cell of a row whose others are filled is like that of a heading."""
    return re.search(HEADED, cell) is not None


def are_headings(alone: int, others: int, named_so: bool, columns: int) -> bool:
    """Whether the rows of a file of which only the first cell is filled, as headings are, are such.

    Args:
        alone: How many there are.
        others: How many other rows there are, empty ones apart.
        named_so: Whether the first cell of one of these looks so, too.
    """
    return 2 * alone <= others and not named_so and columns > 2


def is_heading(cell: str) -> bool:
    """Whether the first cell of a row whose others are empty may be a heading or a comment above the rows below it."""
    return cell.startswith(COMMENT) or " " in cell or cell.endswith(":")


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
    return len(cells) > 1 and _as_titles(cells) == _as_titles(titles)


def is_other_header(cells: Sequence[str], titles: Sequence[str]) -> bool:
    """Whether a record has all titles in another order: the header of a file that was put below this one."""
    words = all(any(map(str.isalpha, title)) for title in titles)
    return len(cells) > 1 and words and sorted(_as_titles(cells)) == sorted(_as_titles(titles))


def _as_titles(cells: Sequence[str]) -> list[str]:
    return [cell.strip("\ufeff \t").casefold() for cell in cells]


def is_total(cells: Sequence[str], rows: range) -> bool:
    """Whether the last row of a file adds up those above it.

    Args:
        cells: Its cells.
        rows: How many rows there may be above.
    """
    filled = [cell.strip() for cell in cells if cell.strip()]
    if len(cells) < 2 or not filled or not TOTAL.fullmatch(filled[0]):
        return False
    amounts = all(_AMOUNT.fullmatch(cell) for cell in filled[1:])
    count = re.sub(r"\D", "", filled[-1])
    return amounts and (len(filled) < len(cells) or (count != "" and int(count) in rows))


def all_but(rows: Sequence[int], count: int) -> npt.NDArray[np.bool_] | None:
    """`(count,)` True but for some rows; None where there are none such."""
    if not rows:
        return None
    kept = np.ones(count, bool)
    kept[list(rows)] = False
    return kept
