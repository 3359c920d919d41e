"""Long work made visible: bars on a terminal or in a notebook, a few plain lines elsewhere. All on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from labelfix.extras import is_there
from labelfix.outputs.plain_text import printed
from labelfix.outputs.stage import Stage
from labelfix.progress import Progress, Silent

if TYPE_CHECKING:
    import rich.progress

LINE_EVERY = 15.0
"""Seconds between two plain lines of one stage."""

REFRESH_EVERY = 0.1
"""Seconds between two updates of a bar; training advances a thousand times a second."""


NAME_WIDTH = 28
"""Letters of a stage's name beside its bar."""


class Shown(Progress, Protocol):
    """A progress display that can be taken away."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Folded:
    """What brief displays leave out, so that a command can say how much it was."""

    def __init__(self) -> None:
        self.choices = 0
        self.warnings: list[str] = []
        self._warned = self._counted = False

    def takes(self, warning: str) -> bool:
        """Whether a warning is left out: all but the first are."""
        if not self._warned:
            self._warned = True
            return False
        self.warnings.append(warning)
        return True

    def counted(self, message: str) -> str:
        """A line; the first one with the number of choices that were made so far."""
        if not self.choices or self._counted:
            return message
        self._counted = True
        choices = "1 choice was" if self.choices == 1 else f"{self.choices} choices were"
        return f"{message} ({choices} made: -v or labelfix check shows {'it' if self.choices == 1 else 'them'})"

    def rest(self) -> str:
        """What to say of the warnings that were left out; empty where there are none."""
        if len(self.warnings) < 2:
            return "".join(self.warnings)
        return f"{len(self.warnings)} more warnings: -v or labelfix report shows them"


def nothing() -> None:
    """What is done at every step unless somebody asks for more."""


class _Display(Progress):
    """What all displays have in common.

    Args:
        brief: Leave out finished stages, choices and all warnings but the first; `folded` has what was left out.
    """

    def __init__(self, brief: bool, at_each_step: Callable[[], None]) -> None:
        self._at_each_step = at_each_step
        self.folded = Folded() if brief else None

    def _print(self, line: str) -> None:
        raise NotImplementedError

    def _print_warning(self, line: str) -> None:
        self._print(line)

    def _print_finished(self, stage: Stage) -> None:
        if self.folded is None:
            self._print(stage.finished())

    def say(self, message: str) -> None:
        if self.folded is None:
            self._print(message)
        else:
            self.folded.choices += 1

    def headline(self, message: str) -> None:
        self._print(message if self.folded is None else self.folded.counted(message))

    def warn(self, message: str) -> None:
        if self.folded is None or not self.folded.takes(message):
            self._print_warning(f"warning: {message}")


class Lines(_Display):
    """Plain lines, for logs: when a stage ends, and now and then within a long one.

    Args:
        every: Seconds to the first line within a stage, and between two; in a stage of hours a tenth of its time.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        every: float = LINE_EVERY,
        brief: bool = False,
        at_each_step: Callable[[], None] = nothing,
    ) -> None:
        super().__init__(brief, at_each_step)
        self._write, self._every = write, every
        self._stages: list[Stage] = []
        self._next = 0.0

    def _print(self, line: str) -> None:
        self._write(line)

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        self._stages.append(Stage(stage, total, unit))
        self._next = self._every

    def advance(self, amount: int = 1, **facts: float) -> None:
        self._at_each_step()
        if not self._stages:
            return
        stage = self._stages[-1]
        stage.add(amount, facts)
        if stage.seconds >= self._next:
            self._next = stage.seconds + max(self._every, stage.seconds / 10)
            self._write(stage.under_way())

    def finish(self) -> None:
        if self._stages:
            self._print_finished(self._stages.pop())
            self._next = (self._stages[-1].seconds if self._stages else 0.0) + self._every

    def close(self) -> None:
        """Forget stages that did not end."""
        self._stages.clear()


class Bars(_Display):
    """A bar for each stage under way, which gives way to one line when it is done; in notebooks as well."""

    def __init__(self, brief: bool = False, at_each_step: Callable[[], None] = nothing) -> None:
        from rich.console import Console

        super().__init__(brief, at_each_step)
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._live: rich.progress.Progress | None = None
        self._stages: list[tuple[Stage, rich.progress.TaskID]] = []
        self._drawn = 0.0

    def _print(self, line: str) -> None:
        self._console.print(printed(line))

    def _print_warning(self, line: str) -> None:
        from rich.text import Text

        self._console.print(Text(printed(line), style="yellow"))

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        begun = Stage(stage, total, unit)
        if self._live is None:
            self._live = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[shown]}", markup=False),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._live.start()
        name = begun.name if len(begun.name) <= NAME_WIDTH else f"{begun.name[: NAME_WIDTH - 1]}…"
        self._stages.append((begun, self._live.add_task(name, total=total, shown="")))

    def advance(self, amount: int = 1, **facts_: float) -> None:
        self._at_each_step()
        if not self._stages or self._live is None:
            return
        stage, task = self._stages[-1]
        stage.add(amount, facts_)
        now = time.monotonic()
        if now - self._drawn >= REFRESH_EVERY:
            self._drawn = now
            self._live.update(task, completed=stage.done, shown=" · ".join(stage.figures()))

    def finish(self) -> None:
        if not self._stages:
            return
        stage, task = self._stages.pop()
        if self._live is not None:
            self._live.remove_task(task)
        if not self._stages:
            self.close()
        self._print_finished(stage)

    def close(self) -> None:
        """Take the bars off the terminal and show the cursor again."""
        if self._live is not None:
            self._live.stop()
        self._live = None
        self._stages.clear()


class WarningsOnly(Silent):
    """What `--quiet` leaves."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def warn(self, message: str) -> None:
        self._write(message)


def listener(progress: Progress | bool | None) -> Progress:
    """Who is told of long work from Python.

    Args:
        progress: A listener; True for bars on a terminal or in a notebook, and plain lines on stderr elsewhere; None or
            False for nobody.
    """
    if progress is None or progress is False:
        return Silent()
    return shown() if progress is True else progress


def shown() -> Shown:
    """Bars where they can be drawn, else plain lines on stderr."""
    from rich.console import Console

    notebook = Console().is_jupyter
    if is_there("ipywidgets") if notebook else sys.stderr.isatty():
        return Bars()
    return Lines(lambda line: print(printed(line), file=sys.stderr, flush=True))  # noqa: T201 - it was asked for
