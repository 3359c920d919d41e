"""Tables as aligned columns or as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = "–"
"""Where a table has no figure."""

WIDTH = 120
"""Columns at which notes are broken."""


@dataclass(frozen=True)
class Grid:
    """A table of texts.

    Attributes:
        body: Rows, each as long as `head`.
        words: How many columns from the left are words; the others are figures, set to the right.
    """

    title: str
    head: Sequence[str]
    body: Sequence[Sequence[str]]
    words: int
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Aligned columns; a word that repeats the one above is left out, and a new first word opens a gap."""
        lines = [self.title, "", self._aligned(self.head)]
        before: Sequence[str] = ()
        for row in self.body:
            if self.words > 1 and before and row[0] != before[0]:
                lines.append("")
            shown = list(row)
            for column in range(self.words - 1):
                if before and row[: column + 1] == before[: column + 1]:
                    shown[column] = ""
            lines.append(self._aligned(shown))
            before = row
        below = [line for note in self.notes for line in textwrap.wrap(note, WIDTH)]
        return "\n".join([*lines, *(["", *below] if below else [])])

    def markdown(self) -> str:
        """A Markdown table below a heading."""
        rule = ["-" * width if i < self.words else "-" * (width - 1) + ":" for i, width in enumerate(self._widths)]
        lines = [f"| {self._aligned(row, ' | ')} |" for row in (self.head, rule, *self.body)]
        below = [f"{note}\n" for note in self.notes]
        return "\n".join([f"### {self.title}", "", *lines, *(["", *below] if below else [])]).rstrip()

    @property
    def _widths(self) -> list[int]:
        return [max(3, *(len(row[i]) for row in (self.head, *self.body))) for i in range(len(self.head))]

    def _aligned(self, row: Sequence[str], between: str = "  ") -> str:
        cells = [
            cell.ljust(width) if i < self.words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, self._widths, strict=True))
        ]
        joined = between.join(cells)
        return joined if between.strip() else joined.rstrip()


def laid_out(grids: Sequence[Grid], markdown: bool = False) -> str:
    """Tables below each other."""
    return "\n\n".join(grid.markdown() if markdown else grid.text() for grid in grids)
