"""The types of CSV columns, found over the whole file: a column is a number only where every cell is.

Looking at the first block alone would type a column as integer and then trip over "abc" in row 90,000; and
"007" or a 20-digit key would lose digits as a number, so only canonical integers count as integers.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.settings.data import MISSING_WORDS

MISSING = ("", *MISSING_WORDS)
"""Cells that stand for "nothing here" in a column of numbers or booleans."""

INTEGER = r"^(0|-?[1-9]\d{0,17})$"
FLOAT = r"^[+-]?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?$|^[+-]?(?i:inf|infinity)$"
DECIMAL_COMMA = FLOAT.replace(r"\.", ",")
BOOLEAN = r"^(?i:true|false)$"

_PATTERNS = {"integer": INTEGER, "float": FLOAT, "boolean": BOOLEAN, "comma": DECIMAL_COMMA}
_TYPES = {
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "comma": pa.float64(),
    "string": pa.string(),
}


# Made so, and missing cells found by a pattern: turning Python values into Arrow ones imports pandas.
_NO_TEXT = pa.nulls(1, pa.string())[0]
_MISSING_PATTERN = f"^({'|'.join(re.escape(word) for word in MISSING)})$"


def is_missing(trimmed: pa.Array) -> pa.Array:
    """Which cells stand for "nothing here"."""
    return pc.match_substring_regex(trimmed, _MISSING_PATTERN)


class ColumnType:
    """Narrows down the type of one column, batch by batch."""

    def __init__(self) -> None:
        self._possible = ["boolean", "integer", "float", "comma"]
        self._seen = False

    def see(self, cells: pa.Array, commas: bool) -> None:
        """Take more cells of the column into account.

        Args:
            cells: A string array.
            commas: Whether a comma may be a decimal comma: not in a file whose cells commas part, where `1,500` in
                quotes is rather a number with its thousands parted.
        """
        if not self._possible:
            return
        trimmed = pc.utf8_trim_whitespace(cells)
        given = trimmed.filter(pc.invert(is_missing(trimmed)))
        if len(given) == 0:
            return
        self._seen = True
        self._possible = [
            kind for kind in self._possible if (commas or kind != "comma") and _all_match(given, _PATTERNS[kind])
        ]

    @property
    def arrow(self) -> pa.DataType:
        """The narrowest type that holds every cell; a column of nothing but missing cells is string."""
        return _TYPES[self._possible[0] if self._seen and self._possible else "string"]

    @property
    def decimal_comma(self) -> bool:
        """Whether the numbers have decimal commas."""
        return self._seen and self._possible == ["comma"]


def typed(cells: pa.Array, type_: pa.DataType) -> pa.Array:
    """Cells (a string array) as the column's type; missing ones of a number or boolean column become null."""
    if pa.types.is_string(type_):
        return cells
    trimmed = pc.utf8_trim_whitespace(cells)
    missing = is_missing(trimmed)
    given = pc.if_else(missing, _NO_TEXT, trimmed)
    if pa.types.is_boolean(type_):
        return pc.match_substring_regex(given, "^(?i:true)$")
    # A point elsewhere than in a column of decimal commas would not have let it be one of numbers.
    return pc.replace_substring(given, ",", ".").cast(type_)


def _all_match(cells: pa.Array, pattern: str) -> bool:
    # One cell settles most text columns.
    first = pc.match_substring_regex(cells.slice(0, 1), pattern)[0].as_py()
    return bool(first) and bool(pc.all(pc.match_substring_regex(cells, pattern)).as_py())
