"""Whether the first row of a CSV file is a header, or data already, as in files of the UCI repository."""

from __future__ import annotations

import re
from collections.abc import Sequence

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

NOTHING = frozenset(("", "?", "-", "na", "n/a", "nan", "null", "none", "\\n"))
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


def looks_like_data(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row of a file is a row like those below it.

    A word above numbers, or a title such as `id`, makes a header. Without, what speaks for data is a cell that recurs
    below it, and a number with decimals within the range of those below; whole numbers only count where several recur
    and they do not run on as 0, 1, 2 …, which pandas writes above columns without names.

    Args:
        first: The cells of the first row.
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


def _number(text: str) -> float | None:
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None
