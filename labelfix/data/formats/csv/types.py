"""The types of CSV columns, found over the whole file: a column is a number only where every cell is.

Looking at the first block alone would type a column as integer and then trip over "abc" in row 90,000; and
"007" or a 20-digit key would lose digits as a number, so only canonical integers count as integers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats.many_columns import blocks, flags_of
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
    """Narrows down the type of one column, batch by batch; see `see`."""

    def __init__(self) -> None:
        self.possible = ["boolean", "integer", "float", "comma"]
        self._seen = False

    def narrow(self, fitting: Collection[str]) -> None:
        """Take into account which patterns more of its cells fit, all of them."""
        self._seen = True
        self.possible = [kind for kind in self.possible if kind in fitting]

    @property
    def arrow(self) -> pa.DataType:
        """The narrowest type that holds every cell; a column of nothing but missing cells is string."""
        return _TYPES[self.possible[0] if self._seen and self.possible else "string"]

    @property
    def decimal_comma(self) -> bool:
        """Whether the numbers have decimal commas."""
        return self._seen and self.possible == ["comma"]


def see(types: Sequence[ColumnType], columns: Sequence[pa.Array], commas: bool) -> None:
    """Take more cells of some columns into account.

    Args:
        types: Of each column, narrowed down.
        columns: String arrays of as many rows each.
        commas: Whether a comma may be a decimal comma: not in a file whose cells commas part, where `1,500` in
            quotes is rather a number with its thousands parted.
    """
    kinds = [kind for kind in _PATTERNS if commas or kind != "comma"]
    wanted = [(type_, cells) for type_, cells in zip(types, columns, strict=True) if type_.possible and len(cells)]
    left = iter(wanted)
    for block in blocks([cells for _, cells in wanted]):
        trimmed = pc.utf8_trim_whitespace(block[0] if len(block) == 1 else pa.concat_arrays(block))
        shape = len(block), len(block[0])
        given = flags_of(pc.invert(is_missing(trimmed))).reshape(shape)
        fits = {kind: (_matching(trimmed, kind, given, shape) | ~given).all(axis=1) for kind in kinds}
        for place in range(len(block)):
            type_, _ = next(left)
            if given[place].any():
                type_.narrow([kind for kind in kinds if fits[kind][place]])


def _matching(trimmed: pa.Array, kind: str, given: npt.NDArray[np.bool_], shape: tuple[int, int]) -> Any:  # noqa: ANN401
    """`shape` which cells fit a pattern; none where the first cell of every column settles it, as of most texts."""
    pattern, firsts = _PATTERNS[kind], np.arange(shape[0]) * shape[1] + given.argmax(axis=1)
    places = pa.Array.from_buffers(pa.int64(), len(firsts), [None, pa.py_buffer(firsts)])  # others import pandas
    if not pc.any(pc.match_substring_regex(trimmed.take(places), pattern)).as_py():
        return np.zeros(shape, dtype=bool)
    return flags_of(pc.match_substring_regex(trimmed, pattern)).reshape(shape)


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
