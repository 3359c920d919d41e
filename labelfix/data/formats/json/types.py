"""The columns of JSON records and their types, found over the whole file.

Objects within objects become columns by their path (`meta.source`). A column whose values are of one kind has the type
of that kind; where kinds mix, every value is text as JSON spells it, so `1` and `"1"` are the same text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from labelfix.data.formats.titles import unique_names
from labelfix.data.spelling import whole

NULL, BOOL, WHOLE, LONG, NUMBER, NAN, TEXT, OBJECT = (1 << bit for bit in range(8))
NO_ITEMS, WHOLES, NUMBERS, TEXTS, OTHER = (1 << bit for bit in range(8, 13))
WIDE = 1 << 13
"""A whole number that a float64 cannot hold."""

EXACT, INT64 = 1 << 53, 1 << 63
KEYS, DEPTH = 1000, 16
"""An object with more keys than this over the whole file, or deeper than this, stays one column of JSON text."""


@dataclass
class KeyTypes:
    """What stands under one key: the kinds of its values, and the fields of its objects."""

    kinds: int = 0
    inside: dict[str, KeyTypes] = field(default_factory=dict)


@dataclass(frozen=True)
class JsonColumn:
    """One column.

    Attributes:
        mixed: Whether values are spelled as text.
    """

    path: tuple[str, ...]
    type: pa.DataType
    kinds: int
    mixed: bool

    def values(self, records: Sequence[dict[str, Any]]) -> pa.Array:
        """The column of some records."""
        found = [record.get(self.path[0]) for record in records]
        for key in self.path[1:]:
            found = [value.get(key) if isinstance(value, dict) else None for value in found]
        if self.mixed:
            found = [spelled(value) for value in found]
        elif self.kinds & NAN and not pa.types.is_floating(self.type):
            found = [None if isinstance(value, float) and math.isnan(value) else value for value in found]
        try:
            return pa.array(found, self.type)
        except UnicodeEncodeError:
            return pa.array([_whole(value) for value in found], self.type)

    def said(self, value: Any) -> Any:  # noqa: ANN401 - whatever JSON can say
        """A value of the column as JSON: one of a mixed column as the kind that it had, where text tells."""
        if not self.mixed or value is None:
            return value
        try:
            told = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return told if kind_of(told) & self.kinds & ~(TEXT | NULL) and spelled(told) == value else value


def see(fields: dict[str, KeyTypes], record: dict[str, Any], depth: int = 0) -> None:
    """Take one more record into account."""
    for key, value in record.items():
        known = fields.get(key)
        if known is None:
            known = fields[key] = KeyTypes()
        if type(value) is str:
            known.kinds |= TEXT
        elif type(value) is dict:
            known.kinds |= OBJECT
            if depth < DEPTH and len(known.inside) <= KEYS:
                see(known.inside, value, depth + 1)
        else:
            known.kinds |= kind_of(value)


def kind_of(value: Any) -> int:  # noqa: ANN401 - whatever JSON can say
    """The kind of a value."""
    if isinstance(value, float):
        return NAN if math.isnan(value) else NUMBER
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        if not -INT64 <= value < INT64:
            return LONG
        return WHOLE if -EXACT <= value <= EXACT else WHOLE | WIDE
    if isinstance(value, list):
        return _kind_of_items(value)
    return TEXT if isinstance(value, str) else OBJECT if isinstance(value, dict) else NULL


def columns(fields: dict[str, KeyTypes]) -> dict[str, JsonColumn]:
    """The columns by their names, in the order in which they were met."""
    found: list[JsonColumn] = []

    def add(inside: dict[str, KeyTypes], before: tuple[str, ...]) -> None:
        for key, known in inside.items():
            kinds = known.kinds & ~NULL
            if kinds == OBJECT and 0 < len(known.inside) <= KEYS and len(before) < DEPTH:
                add(known.inside, (*before, key))
                continue
            type_ = _type(known.kinds)
            found.append(JsonColumn((*before, key), type_ or pa.string(), known.kinds, type_ is None))

    add(fields, ())
    return dict(zip(unique_names([_whole(".".join(column.path)) for column in found]), found, strict=True))


def spelled(value: Any) -> str | None:  # noqa: ANN401 - whatever JSON can say
    """A value as text: text as it is, everything else as JSON; None for null and NaN."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    return json.dumps(value, ensure_ascii=False)


def _kind_of_items(items: list[Any]) -> int:
    types = set(map(type, items))
    if not types:
        return NO_ITEMS
    whole = [item for item in items if type(item) is int] if int in types else []
    low, high = (min(whole), max(whole)) if whole else (0, 0)
    wide = 0 if low >= -EXACT and high <= EXACT else WIDE
    if types == {int}:
        return WHOLES | wide if low >= -INT64 and high < INT64 else OTHER
    if types <= {int, float, type(None)} and types != {type(None)}:
        return OTHER if wide else NUMBERS
    return TEXTS if types <= {str, type(None)} and str in types else OTHER


def _type(kinds: int) -> pa.DataType | None:
    """The type that holds values of some kinds; None where only text does."""
    some = kinds & ~(NULL | NAN | WIDE)
    numbers = pa.float64() if kinds & NAN else pa.string()
    single: dict[int, Callable[[], pa.DataType]] = {0: lambda: numbers, BOOL: pa.bool_, WHOLE: pa.int64}
    single[TEXT] = pa.string
    if some in single:
        return single[some]()
    if some in (NUMBER, NUMBER | WHOLE):
        return None if kinds & WIDE else pa.float64()
    lists = {WHOLES: pa.int64(), NUMBERS: pa.float64(), NUMBERS | WHOLES: pa.float64(), TEXTS: pa.string()}
    if some & NUMBERS and kinds & WIDE:
        return None
    items = pa.string() if some == NO_ITEMS else lists.get(some & ~NO_ITEMS)
    return None if items is None else pa.list_(items)


def _whole(value: Any) -> Any:  # noqa: ANN401 - text, or a list of it
    if isinstance(value, str):
        return whole(value)
    return [_whole(item) for item in value] if isinstance(value, list) else value
