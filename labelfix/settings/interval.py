"""How often something is done: every so many seconds, minutes, hours or epochs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from labelfix.errors import SettingsError

_SECONDS = {"": 0.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_WRITTEN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(s|m|h|epochs?|)")


@dataclass(frozen=True)
class CheckpointInterval:
    """An interval in time or in epochs; one of both is 0, and both are where it is never.

    Attributes:
        seconds: Length in seconds.
        epochs: Length in epochs.
    """

    seconds: float = 0.0
    epochs: int = 0

    def __bool__(self) -> bool:
        return self.seconds > 0 or self.epochs > 0

    @classmethod
    def parse(cls, text: str) -> CheckpointInterval:
        """Read `30s`, `10m`, `1.5h`, `2 epochs`, or `0` for never.

        Raises:
            SettingsError: It is not one of these.
        """
        found = _WRITTEN.fullmatch(text.strip().lower())
        number = float(found[1]) if found else math.nan
        unit = found[2] if found else ""
        if unit.startswith("epoch") and number >= 1 and number.is_integer():
            return cls(epochs=int(number))
        if unit in _SECONDS and math.isfinite(number) and (unit or number == 0):
            return cls(seconds=number * _SECONDS[unit])
        raise SettingsError(f"{text!r} is not an interval; write 30s, 10m, 1h, 2epochs, or 0 for never")
