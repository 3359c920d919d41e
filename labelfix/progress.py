"""How the library tells a person what it is doing, without knowing how that is shown."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """One listener for the whole run; the command line shows bars, a library user passes nothing."""

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        """A stage begins; `total` units of work lie ahead, None where that is not known."""

    def advance(self, amount: int = 1, **facts: float) -> None:
        """`amount` more units are done; `facts` are figures worth showing beside the bar."""

    def finish(self) -> None:
        """The stage is done."""

    def say(self, message: str) -> None:
        """One line a person should read: a choice made, a figure found."""

    def warn(self, message: str) -> None:
        """One line about something that may be wrong."""


class Silent:
    """A listener that shows nothing."""

    def start(self, stage: str, total: int | None = None, unit: str = "rows") -> None:
        """Ignore it."""

    def advance(self, amount: int = 1, **facts: float) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""

    def say(self, message: str) -> None:
        """Ignore it."""

    def warn(self, message: str) -> None:
        """Ignore it."""
