"""Whether the first row of a CSV file is a header, or data already, as in files of the UCI repository."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Sequence

NAMES = frozenset(
    {
        "id",
        "ids",
        "idx",
        "index",
        "key",
        "name",
        "uid",
        "uuid",
        "guid",
        "text",
        "texts",
        "title",
        "body",
        "sentence",
        "review",
        "comment",
        "content",
        "document",
        "tweet",
        "message",
        "label",
        "labels",
        "class",
        "classes",
        "category",
        "target",
        "y",
        "x",
        "tag",
        "sentiment",
        "image",
        "img",
        "path",
        "file",
        "filename",
        "file_name",
        "url",
        "date",
        "time",
        "timestamp",
        "split",
        "score",
        "value",
        "embedding",
        "features",
        "question",
        "answer",
        "user",
        "source",
    }  # fmt: skip
)
"""Titles that nobody takes for data."""

MOST_ABOVE = 30
"""Lines among which a header is looked for below a title."""

NOTHING = frozenset(("", "?", "-", "na", "n/a", "nan", "null", "none", "\\n"))
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


def looks_like_data(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row of a file is a row like those below it.

    A word above numbers, or a title such as `id`, makes a header. Without, what speaks for data is a cell that recurs
    below it, and a number with decimals within the range of those below; whole numbers only count where several recur
    and they do not run on as 0, 1, 2 …, which pandas writes above columns without names.

    Args:
        rows: Some rows below it, of as many cells.
    """
    cells = [cell.strip() for cell in first]
    below = [row for row in rows if len(row) == len(cells) and [c.strip() for c in row] != cells]
    if len(cells) < 2 or len(below) < 2 or any(cell.lower() in NAMES for cell in cells):
        return False
    strong = weak = 0
    whole: list[int] = []
    for place, cell in enumerate(cells):
        if cell.lower() in NOTHING:
            continue
        column = [text for row in below if (text := row[place].strip()).lower() not in NOTHING]
        numbers = [_number(text) for text in column]
        value = _number(cell)
        if column and None not in numbers:
            if value is None:
                return False
            inside = min(n for n in numbers if n is not None) <= value <= max(n for n in numbers if n is not None)
            if cell.lstrip("+-").isdecimal():
                whole.append(int(value))
                weak += cell in column
            else:
                strong += inside
        elif value is None:
            strong += cell in column
    run = len(whole) > 1 and [n - whole[0] for n in whole] == list(range(len(whole)))
    return strong > 0 or (not run and weak > 1 and 2 * weak >= len(whole))


def lines_above(lines: Sequence[str], delimiters: Sequence[str]) -> int:
    """How many lines of a report's title stand above the header: lines with one filled cell, the first, and blank ones.

    The row below them is taken for the header if a word of it is a usual title, and rows as wide follow that are
    unlike it.
    """
    for delimiter in delimiters:
        others = [other for other in delimiters if other != delimiter]
        reader = csv.reader(lines[:MOST_ABOVE], delimiter=delimiter)
        above = 0
        try:
            for row in reader:
                cells = [cell.strip() for cell in row]
                if not any(cells) or (cells[0] and not any(cells[1:]) and _is_title(cells[0], others)):
                    above = reader.line_num
                    continue
                below = [other for other in reader if other] if above else []
                words = {word for cell in cells for word in re.findall(r"[a-z]+", cell.lower())}
                even = len(cells) > 1 and len(below) > 1 and all(len(other) == len(cells) for other in below[:-1])
                if even and words & NAMES and not looks_like_data(cells, below):
                    return above
                break
        except csv.Error:
            continue
    return 0


def _is_title(cell: str, delimiters: Collection[str]) -> bool:
    """Whether the one cell of a line can be a report's title, and no name of a column nor several cells in truth."""
    return cell.lower() not in NAMES and not any(delimiter in cell for delimiter in delimiters)


def _number(text: str) -> float | None:
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None
