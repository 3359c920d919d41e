"""One stage of long work in words: how far it is, how fast, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from labelfix.outputs.plain_text import visible

LEFT_AFTER = 1.0
"""Seconds of a stage before it is said how long it will take: its first steps say little."""


class Stage:
    """One stage under way: what it has done, how fast, and what it reported last.

    Args:
        total: Units of work ahead; None where that is not known.
        unit: What a unit is.
    """

    def __init__(self, name: str, total: int | None, unit: str) -> None:
        self.name, self.total, self.unit = visible(name), total, unit
        self.done = 0
        self.facts: dict[str, float] = {}
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    @property
    def speed(self) -> float:
        """Units a second so far."""
        return self.done / max(self.seconds, 1e-9)

    def add(self, amount: int, figures: Mapping[str, float]) -> None:
        """So much more is done, and these are the latest figures."""
        self.done += amount
        self.facts.update(figures)

    def figures(self) -> list[str]:
        """How far it is: `52 %`, `epoch 31`, `held-out accuracy 0.912`, `81,000 rows/s`, `12 s left`."""
        share = f"{100 * self.done / self.total:.0f} %" if self.total else f"{self.done:,} {self.unit}"
        left = []
        if self.total and self.done and self.seconds >= LEFT_AFTER:
            left.append(f"{duration((self.total - self.done) / self.speed)} left")
        return [share, *facts(self.facts), self.rate(), *left]

    def under_way(self) -> str:
        """What to say in the middle: `train: 52 %, epoch 31, held-out accuracy 0.912, 81,000 rows/s, 12 s left`."""
        return f"{self.name}: {', '.join(self.figures())}"

    def finished(self) -> str:
        """What to say at the end: `train: 60,000 rows in 4.2 s, epoch 60, held-out accuracy 0.912`."""
        head = f"{self.name}: {self.done:,} {self.unit} in {duration(self.seconds)}"
        return ", ".join([head, *facts(self.facts)])

    def rate(self) -> str:
        """The speed, as `81,000 rows/s`."""
        return f"{self.speed:,.{0 if self.speed >= 10 else 1}f} {self.unit}/s"


def facts(values: dict[str, float]) -> list[str]:
    """Figures as a person reads them: `epoch 31`, `held-out accuracy 0.912`."""
    return [f"{visible(name).replace('_', ' ')} {_number(value)}" for name, value in values.items()]


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 10 s` or `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.{1 if seconds < 10 else 0}f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3f}"
