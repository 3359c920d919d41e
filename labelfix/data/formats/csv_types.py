"""The types of CSV columns, found over the whole file: a column is a number only where every cell is.

Looking at the first block alone would type a column as integer and then trip over "abc" in row 90,000; and
"007" or a 20-digit key would lose digits as a number, so only canonical integers count as integers.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "null", "NULL", "Null", "None", "nan", "NaN", "NAN")
"""Cells that stand for "nothing here" in a column of numbers or booleans, and for "no label" in a label column."""

INTEGER = r"^(0|-?[1-9]\d{0,17})$"
FLOAT = r"^[+-]?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?$|^[+-]?(?i:inf|infinity)$"
BOOLEAN = r"^(?i:true|false)$"

_PATTERNS = {"integer": INTEGER, "float": FLOAT, "boolean": BOOLEAN}
_TYPES = {"integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}


# Made so, and missing cells found by a pattern: turning Python values into Arrow ones imports pandas.
_NO_TEXT = pa.nulls(1, pa.string())[0]
_MISSING_PATTERN = f"^({'|'.join(re.escape(word) for word in MISSING)})$"


def is_missing(trimmed: pa.Array) -> pa.Array:
    """Which cells stand for "nothing here"."""
    return pc.match_substring_regex(trimmed, _MISSING_PATTERN)


class ColumnType:
    """Narrows down the type of one column, batch by batch."""

    def __init__(self) -> None:
        self._possible = ["boolean", "integer", "float"]
        self._seen = False

    def see(self, cells: pa.Array) -> None:
        """Take more cells of the column (a string array) into account."""
        if not self._possible:
            return
        trimmed = pc.utf8_trim_whitespace(cells)
        given = trimmed.filter(pc.invert(is_missing(trimmed)))
        if len(given) == 0:
            return
        self._seen = True
        self._possible = [kind for kind in self._possible if _all_match(given, _PATTERNS[kind])]

    @property
    def arrow(self) -> pa.DataType:
        """The narrowest type that holds every cell; a column of nothing but missing cells is string."""
        return _TYPES[self._possible[0] if self._seen and self._possible else "string"]


def typed(cells: pa.Array, type_: pa.DataType) -> pa.Array:
    """Cells (a string array) as the column's type; missing ones of a number or boolean column become null."""
    if pa.types.is_string(type_):
        return cells
    trimmed = pc.utf8_trim_whitespace(cells)
    missing = is_missing(trimmed)
    given = pc.if_else(missing, _NO_TEXT, trimmed)
    if pa.types.is_boolean(type_):
        return pc.match_substring_regex(given, "^(?i:true)$")
    return given.cast(type_)


def _all_match(cells: pa.Array, pattern: str) -> bool:
    # One cell settles most text columns.
    first = pc.match_substring_regex(cells.slice(0, 1), pattern)[0].as_py()
    return bool(first) and bool(pc.all(pc.match_substring_regex(cells, pattern)).as_py())
