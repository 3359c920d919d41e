"""The parts of the anchored recipe, shown and timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from labelfix.progress import Progress, counted

STAGES = {
    "members": "fit simple models",
    "meta step": "learn how labels go wrong",
    "classifier": "fit the classifier",
    "posterior": "weigh every label",
}
"""Part → its name for people."""


@dataclass
class Clock:
    """Which part took how many seconds; `progress` is shown every part."""

    progress: Progress
    seconds: dict[str, float]

    @contextmanager
    def part(self, name: str, total: int) -> Iterator[None]:
        """Show a part as a stage, and time it."""
        started = perf_counter()
        with counted(self.progress, STAGES[name], total):
            yield
        self.seconds[name] = round(perf_counter() - started, 3)
