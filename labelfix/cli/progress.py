"""Long work made visible: bars on a terminal, a few plain lines elsewhere. All on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from labelfix.cli.interrupts import insist
from labelfix.outputs.plain_text import visible
from labelfix.progress import Progress, Silent

if TYPE_CHECKING:
    import rich.progress

LINE_EVERY = 15.0
"""Seconds between two plain lines of one stage."""

REFRESH_EVERY = 0.1
"""Seconds between two updates of a bar; training advances a thousand times a second."""


class Shown(Progress, Protocol):
    """A progress display that can be taken away."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Stage:
    """One stage under way: what it has done, how fast, and what it reported last.

    Args:
        name: What is being done.
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

    def under_way(self) -> str:
        """What to say in the middle: `train: 52 %, epoch 31, held-out accuracy 0.912, 81,000 rows/s, 12 s left`."""
        share = f"{100 * self.done / self.total:.0f} %" if self.total else f"{self.done:,} {self.unit}"
        left = [f"{duration((self.total - self.done) / self.speed)} left"] if self.total and self.done else []
        return f"{self.name}: {', '.join([share, *facts(self.facts), self.rate(), *left])}"

    def finished(self) -> str:
        """What to say at the end: `train: 60,000 rows in 4.2 s, epoch 60, held-out accuracy 0.912`."""
        head = f"{self.name}: {self.done:,} {self.unit} in {duration(self.seconds)}"
        return ", ".join([head, *facts(self.facts)])

    def rate(self) -> str:
        """The speed, as `81,000 rows/s`."""
        return f"{self.speed:,.{0 if self.speed >= 10 else 1}f} {self.unit}/s"


class Lines:
    """Plain lines, for logs: when a stage ends, and every quarter of a minute within a long one.

    Args:
        write: Writes one line.
        every: Seconds between two lines of one stage.
    """

    def __init__(self, write: Callable[[str], None], every: float = LINE_EVERY) -> None:
        self._write, self._every = write, every
        self._stage: Stage | None = None
        self._next = 0.0

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        """See `Progress.start`."""
        self._stage = Stage(stage, total, unit)
        self._next = self._every

    def advance(self, amount: int = 1, **facts: float) -> None:
        """See `Progress.advance`."""
        insist()
        if self._stage is None:
            return
        self._stage.done += amount
        self._stage.facts.update(facts)
        if self._stage.seconds >= self._next:
            self._next = self._stage.seconds + self._every
            self._write(self._stage.under_way())

    def finish(self) -> None:
        """See `Progress.finish`."""
        if self._stage is not None:
            self._write(self._stage.finished())
        self._stage = None

    def say(self, message: str) -> None:
        """See `Progress.say`."""
        self._write(message)

    def warn(self, message: str) -> None:
        """See `Progress.warn`."""
        self._write(f"warning: {message}")

    def close(self) -> None:
        """Forget a stage that did not end."""
        self._stage = None


class Bars:
    """A bar for the stage under way, which gives way to one line when it is done."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._live: rich.progress.Progress | None = None
        self._stage: Stage | None = None
        self._task: rich.progress.TaskID | None = None
        self._drawn = 0.0

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        """See `Progress.start`."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.close()
        self._stage = Stage(stage, total, unit)
        self._live = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %", markup=False),
            TextColumn("{task.fields[facts]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        self._task = self._live.add_task(self._stage.name, total=total, facts="")
        self._live.start()

    def advance(self, amount: int = 1, **facts_: float) -> None:
        """See `Progress.advance`."""
        insist()
        if self._stage is None:
            return
        self._stage.done += amount
        self._stage.facts.update(facts_)
        now = time.monotonic()
        if now - self._drawn >= REFRESH_EVERY and self._live is not None and self._task is not None:
            self._drawn = now
            shown = " · ".join([*facts(self._stage.facts), self._stage.rate()])
            self._live.update(self._task, completed=self._stage.done, facts=shown)

    def finish(self) -> None:
        """See `Progress.finish`."""
        stage = self._stage
        self.close()
        if stage is not None:
            self._console.print(stage.finished())

    def say(self, message: str) -> None:
        """See `Progress.say`."""
        for line in message.splitlines():
            self._console.print(visible(line))

    def warn(self, message: str) -> None:
        """See `Progress.warn`."""
        from rich.text import Text

        for line in message.splitlines():
            self._console.print(Text(f"warning: {visible(line)}", style="yellow"))

    def close(self) -> None:
        """Take the bar off the terminal and show the cursor again."""
        if self._live is not None:
            self._live.stop()
        self._live = self._stage = self._task = None


class WarningsOnly(Silent):
    """What `--quiet` leaves.

    Args:
        write: Writes one warning.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def warn(self, message: str) -> None:
        """See `Progress.warn`."""
        self._write(message)


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
