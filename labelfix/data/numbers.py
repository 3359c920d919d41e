"""Numbers and dates as people write them: `1,234.50`, `$1,234`, `45 %`, `(12)`, `1.234,5`, `2024-01-31`.

A cell that is not a number counts as missing: placeholders like `?` and `-`, bounds like `<5`, and plain mistakes.
A whole column is one of numbers where nearly all of its cells are; `read_numbers` then gives the rest as null, and the
caller says which they were.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.scan import is_text
from labelfix.settings.data import MISSING_WORDS

PLACEHOLDERS = (
    *MISSING_WORDS,
    *("?", "-", "--", "---", "–", "—", ".", "..", "...", "*", "/", "x"),
    *("missing", "unknown", "none", "nil", "na", "nd", "n.a.", "n.d.", "n/d", "not available", "tbd"),
    *("#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#NULL!"),
)
"""Cells that people write into a column of numbers where there is none, in any case."""

NEARLY_ALL = 0.9
"""A column is one of numbers where this share of its cells, placeholders aside, are numbers ..."""

FEW_LEVELS = 10
"""... and, where some are not, with at least this many different ones: `0, 1, 2, 3+` is a scale of four levels."""

MOSTLY, FEW_WORDS = 0.5, 5
"""Of a smaller share the others may be words, where these are few and come again and again: `refused`, `not known`."""

NUMBER = r"^[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?$|^[+-]?(?i:inf|infinity)$"
"""A number that a program would write; no leading zeros, which codes have."""

FIRST_CELLS = 400
"""So many cells are looked at first; where not half of them are numbers the others will not make up for it."""

GROUPED = r"^[+-]?(?:[1-9]\d{0,2}(?:[,'’ ]\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3})(?:\.\d*)?$"
"""Thousands, and lakhs as in India: `1,23,456`."""
GROUPED_COMMA = r"^[+-]?[1-9]\d{0,2}(?:[.'’ ]\d{3})+(?:,\d*)?$"
_MONEY = "USD|EUR|GBP|CHF|JPY|CNY|INR|BRL|CAD|AUD|SEK|NOK|DKK|PLN|CZK"
UNITS = (
    rf"^([+-]?)\s*(?:[~≈]|(?:US|[RAC])?\$|[€£¥₹₽₩₺]|(?:{_MONEY}|Rs\.?)\s)\s*"
    rf"|\s*(?:[%€$£¥₹₽₩₺]|\s(?:{_MONEY}|zł|kr\.?|Kč))$"
)
UNIT = r"^.*\d\.?\s?(?P<unit>[\pL°µ][\pL°µ²³/]*(?: [\pL²³]+)?|(?:/|of|out of)\s?\d+)\.?$"
"""What stands behind a number: `yrs`, `kg`, `sq ft`, `km/h`, `/10`."""
MULTIPLES = {"k": 1e3, "K": 1e3, "M": 1e6, "mn": 1e6, "mio": 1e6, "Mio": 1e6, "B": 1e9, "bn": 1e9, "Mrd": 1e9}
"""What `3k`, `1.2M` and `2bn` stand for where not all numbers of a column end so."""
MULTIPLE = "thousands and millions"
"""Stands for them in place of a unit."""
DIGITS = {ord(zero) + value: str(value) for zero in "٠۰०০０" for value in range(10)}
DIGITS |= {ord("٫"): ".", ord("٬"): ",", ord("．"): ".", ord("，"): ","}
"""Digits of other scripts, and the marks that part them."""

DATE = (
    r"^(?P<day>\d{4}-\d{2}-\d{2})(?:[T ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:\.\d{1,9})?)?"
    r"\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?$"
)
"""ISO 8601: a day, perhaps a time, perhaps a zone. With slashes it is another day in another country."""

DAY_FIRST = r"^(\d{1,2})\.(\d{1,2})\.(\d{4})"
"""A day as it is written with points, which has the day first everywhere."""

_NO_TEXT = pa.nulls(1, pa.string())[0]
_PLACEHOLDER = "^(?i:" + "|".join(re.escape(word) for word in PLACEHOLDERS) + ")?$"
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""How many of each unit of time make a second."""


def is_placeholder(cells: pa.Array) -> pa.Array:
    """Which strings are empty or stand for a number that is not there."""
    return pc.match_substring_regex(pc.utf8_trim_whitespace(cells), _PLACEHOLDER)


def read_numbers(cells: pa.Array, comma: bool = False, unit: str = "") -> pa.Array:
    """A column as float64; what is no number is null, as are NaN and null.

    Args:
        cells: `(n,)` numbers, booleans, decimals, or strings as people write numbers.
        comma: Whether a comma is the decimal mark of these strings.
        unit: What may stand behind them, see `unit_of`.
    """
    if unit == MULTIPLE and is_text(cells.type):
        parts = pc.extract_regex(pc.utf8_trim_whitespace(cells), rf"^(?P<number>.*?)\s?(?P<of>{'|'.join(MULTIPLES)})?$")
        factor = pa.array([MULTIPLES.get(of or "", 1.0) for of in pc.struct_field(parts, "of").to_pylist()])
        return pc.multiply(read_numbers(pc.struct_field(parts, "number"), comma), factor)
    if unit and is_text(cells.type):
        cells = pc.replace_substring_regex(
            pc.utf8_trim_whitespace(cells), rf"(?i)(\d\.?)\s?{re.escape(unit)}s?\.?$", r"\1"
        )
    if not is_text(cells.type):
        values = cells if pa.types.is_float64(cells.type) else cells.cast(pa.float64(), safe=False)
        if not values.null_count and not np.isnan(values.to_numpy()).any():
            return values  # of tables with thousands of columns most are; the general way takes four calls a column
        return pc.if_else(pc.fill_null(pc.is_nan(values), False), pa.scalar(None, pa.float64()), values)
    trimmed = _latin(pc.utf8_trim_whitespace(cells))
    # In a column of decimal commas `1.234` is one thousand and more.
    text = _plain(trimmed, comma) if comma else trimmed
    good = pc.fill_null(pc.match_substring_regex(text, NUMBER), False)
    if not pc.all(good).as_py():
        text = text if comma else pc.if_else(good, text, _plain(trimmed, comma))
        good = pc.fill_null(pc.match_substring_regex(text, NUMBER), False)
        text = pc.if_else(good, text, _NO_TEXT)
    return text.cast(pa.float64())


def read_dates(cells: pa.Array) -> pa.Array:
    """Days since 1970 (UTC where a zone is given) of dates and timestamps, seconds of times and durations, as float64.

    Args:
        cells: `(n,)` of a temporal type, or strings in ISO 8601 or with points (`31.1.2024`); what is none is null.
    """
    type_ = cells.type
    if pa.types.is_date(type_):
        return _whole(cells.cast(pa.timestamp("ms"), safe=False), 86_400 * _UNITS["ms"])
    if pa.types.is_timestamp(type_):
        return _whole(cells, 86_400 * _UNITS[type_.unit])
    if pa.types.is_time(type_) or pa.types.is_duration(type_):
        return _whole(cells, _UNITS[type_.unit])
    return _read_moments(pc.utf8_trim_whitespace(cells))


def number_like(cells: pa.Array, unit: str = "") -> tuple[pa.Array, bool]:
    """Which strings are numbers, and whether a comma is their decimal mark.

    Args:
        cells: `(n,)` strings without nulls.
        unit: What may stand behind them, see `unit_of`.
    """
    trimmed = pc.utf8_trim_whitespace(cells)
    point, comma = (read_numbers(trimmed, mark, unit).is_valid() for mark in (False, True))
    # A comma only counts where it explains more cells: "1,234" beside "1,5" is one and a bit.
    commas = bool(pc.sum(comma).as_py() > pc.sum(point).as_py()) if len(cells) else False
    return (comma if commas else point), commas


class Numeric(NamedTuple):
    """Whether a column is one of numbers, whether a comma is their decimal mark, and what stands behind them.

    Attributes:
        share: Of its cells are numbers.
    """

    numbers: bool = False
    comma: bool = False
    unit: str = ""
    share: float = 0.0


def nearly_numeric(cells: pa.Array) -> Numeric:
    """Whether a column is one of numbers, by its strings `(n,)` without nulls and empty ones."""
    some = cells.slice(0, FIRST_CELLS)
    unit = unit_of(some.filter(pc.invert(is_placeholder(some))))
    if all(_hardly_any(functools.partial(read_numbers, comma=mark, unit=unit), cells) for mark in (False, True)):
        return Numeric()
    given = cells.filter(pc.invert(is_placeholder(cells)))
    if not len(given):
        return Numeric()
    good, comma = number_like(given, unit)
    count = pc.sum(good).as_py() or 0
    if count == len(given) and not unit:
        return Numeric(True, comma, share=1.0)
    levels, share = len(given.filter(good).unique()), count / len(given)
    words = given.filter(pc.invert(good)).unique()
    few = share >= MOSTLY and len(words) <= min(FEW_WORDS, (len(given) - count) / 3)
    telling = few and not pc.any(pc.match_substring_regex(words, r"\d")).as_py()
    return Numeric((share >= NEARLY_ALL or telling) and levels >= FEW_LEVELS, comma, unit, share)


def unit_of(cells: pa.Array) -> str:
    """What stands behind nearly all numbers of a column, without the `s` of a plural; empty where nothing does.

    Args:
        cells: `(n,)` strings without nulls and placeholders.
    """
    if not len(cells):
        return ""
    behind = pc.struct_field(pc.extract_regex(_latin(pc.utf8_trim_whitespace(cells)), UNIT), "unit")
    units = Counter(unit for unit in behind.to_pylist() if unit)
    plain = len(read_numbers(cells).drop_null())
    if not units or plain == len(cells):
        return ""
    if units.keys() <= MULTIPLES.keys() and (plain or len(units) > 1):
        return MULTIPLE
    stems = Counter(dict.fromkeys((unit.lower().removesuffix("s") for unit in units), 0))
    for unit, count in units.items():
        stems[unit.lower().removesuffix("s")] += count
    stem, count = stems.most_common(1)[0]
    return stem if count >= NEARLY_ALL * len(cells) else ""


def nearly_dates(cells: pa.Array) -> bool:
    """Whether a column is one of dates; see `nearly_numeric`."""
    if _hardly_any(read_dates, cells):
        return False
    given = cells.filter(pc.invert(is_placeholder(cells)))
    return bool(len(given)) and (pc.sum(date_like(given)).as_py() or 0) >= NEARLY_ALL * len(given)


def _hardly_any(read: Callable[[pa.Array], pa.Array], cells: pa.Array) -> bool:
    """Whether the first cells that are not placeholders show that a column is nothing of the kind: texts, mostly."""
    some = cells.slice(0, FIRST_CELLS)
    given = some.filter(pc.invert(is_placeholder(some)))
    return len(given) >= FIRST_CELLS // 2 and len(read(given).drop_null()) < 0.5 * len(given)


def date_like(cells: pa.Array) -> pa.Array:
    """Which strings are dates in ISO 8601, or with points."""
    return _read_moments(pc.utf8_trim_whitespace(cells)).is_valid()


def is_date(type_: pa.DataType) -> bool:
    """Whether a type holds dates, times, moments or durations."""
    return bool(pa.types.is_temporal(type_) and not pa.types.is_interval(type_))


def _latin(cells: pa.Array) -> pa.Array:
    """Strings whose digits are those of ASCII."""
    if pc.all(pc.string_is_ascii(cells)).as_py() is not False:
        return cells
    return pa.array([None if text is None else text.translate(DIGITS) for text in cells.to_pylist()], pa.string())


def _whole(cells: pa.Array, divisor: float) -> pa.Array:
    """Moments or durations as whole numbers of their unit, divided."""
    stored = pa.int32() if cells.type.bit_width == 32 else pa.int64()
    return pc.divide(cells.cast(stored).cast(pa.float64(), safe=False), divisor)


def _plain(trimmed: pa.Array, comma: bool) -> pa.Array:
    """What is left of numbers without units, grouped thousands and typographic signs."""
    text = pc.replace_substring_regex(trimmed, r"[\x{00A0}\x{2009}\x{202F}]", " ")
    text = pc.replace_substring(text, "−", "-")
    text = pc.replace_substring_regex(text, r"^\((.*)\)$|^(\d.*\d)-$", r"-\1\2")
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, UNITS, r"\1"))
    grouped = pc.match_substring_regex(text, GROUPED_COMMA if comma else GROUPED)
    text = pc.if_else(grouped, pc.replace_substring_regex(text, r"[.'’ ]" if comma else r"[,'’ ]", ""), text)
    return pc.replace_substring(text, ",", ".") if comma else text


def _read_moments(trimmed: pa.Array) -> pa.Array:
    # Two digits each: a zero more than that goes again. The mark in front tells these from what was written so.
    turned = pc.replace_substring_regex(trimmed, DAY_FIRST, "\x01\\3-0\\2-0\\1")
    trimmed = pc.replace_substring_regex(turned, r"^\x01(\d{4})-0?(\d\d)-0?(\d\d)", r"\1-\2-\3")
    matched = pc.fill_null(pc.match_substring_regex(trimmed, DATE), False)
    parts = pc.extract_regex(
        pc.if_else(matched, trimmed, _NO_TEXT),
        DATE,
    )
    day, time, zone = (pc.struct_field(parts, name) for name in ("day", "time", "zone"))
    to_minute = pc.equal(pc.utf8_length(time), 5)
    clock = pc.if_else(to_minute, pc.binary_join_element_wise(time, ":00", ""), time)
    clock = pc.if_else(pc.equal(time, ""), "00:00:00", clock)
    moments = pc.strptime(
        pc.binary_join_element_wise(day, clock, " "), format="%Y-%m-%d %H:%M:%S", unit="s", error_is_null=True
    )
    shift = pc.replace_substring(pc.replace_substring_regex(zone, r"^(Z|UTC)?$", "+00:00"), ":", "")
    minutes = pc.add(
        pc.multiply(pc.utf8_slice_codeunits(shift, 1, 3).cast(pa.int64()), 60),
        pc.utf8_slice_codeunits(shift, 3, 5).cast(pa.int64()),
    )
    signed = pc.if_else(pc.starts_with(shift, "-"), pc.negate(minutes), minutes)
    seconds = pc.subtract(moments.cast(pa.int64()), pc.multiply(signed, 60))
    return pc.divide(seconds.cast(pa.float64()), 86_400.0)
