"""Values as people write them: nothing that only a programming language says reaches the page."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

NOTHING = "–"
"""What stands where nothing is known."""

LONGEST = 40
"""Characters of one value that are shown."""


def plain(value: Any) -> str:  # noqa: ANN401 - a cell
    """A cell, or a finding of `metrics.json`, in words, on one line as it stands; texts stay as they are."""
    if value is None:
        return NOTHING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return number(float(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ", timespec="seconds" if not value.microsecond else "milliseconds")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return f"{len(value):,} bytes"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {plain(each)}" for name, each in value.items()) or NOTHING
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(plain(each) for each in value) or NOTHING
    return str(value)


def number(value: float) -> str:
    """A number to six digits, without an exponent where one can do without: `0.3` and not `0.30000000000000004`."""
    if not math.isfinite(value):
        return NOTHING
    size = abs(value)
    if size < 1e-4:
        return "0" if value == 0 else f"{value:.3g}"
    if size < 1e15:
        whole = len(str(int(size))) if size >= 1 else 1
        digits = f"{value:.{max(6 - whole, 2 if size < 1e12 else 0)}f}"
        return digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{value:.6g}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage."""
    return NOTHING if share is None or not math.isfinite(share) else f"{100 * share:.{digits}f} %"


def fixed(value: float | None, digits: int = 3) -> str:
    """A number with that many digits after the point."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def between(estimate: Mapping[str, Any], as_percent: bool = True) -> str:
    """The interval of an estimate: `34.9 to 41.2 %`; where an end is not known, that there is none."""
    low, high = estimate["low"], estimate["high"]
    if low is None or high is None:
        return "no interval"
    return f"{100 * low:.1f} to {100 * high:.1f} %" if as_percent else f"{low:.3f} to {high:.3f}"


def moment(text: str) -> str:
    """A time as `run.json` writes it, for people; anything else as it stands."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return plain(text)
    return found.strftime("%Y-%m-%d %H:%M") + (" UTC" if found.utcoffset() == datetime.timedelta(0) else "")


def shortened(text: str) -> str:
    """At most `LONGEST` characters; `…` marks what was cut."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
