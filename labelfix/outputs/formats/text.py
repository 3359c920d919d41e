"""Aligned lines for a terminal or the log of a job."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from labelfix.outputs.judgement import Finding, Judgement
from labelfix.outputs.plain_text import printed, shorten, visible, width
from labelfix.outputs.wording import verdict

BETWEEN = "  "

LEAST = (10, 16, 16, 10, 12)
"""Columns that id, place, change, confidence and text keep as long as anything else can be cut."""

TEXT, PLACE = 4, 1
ORDER = (TEXT, 0, 2)
"""What is cut first: the text, the id, the change."""


def write(judgement: Judgement) -> str:
    """The findings and the verdict, as wide as the terminal; 80 columns where there is none."""
    return as_text(judgement, shutil.get_terminal_size().columns, sys.stdout.isatty())


def as_text(judgement: Judgement, columns: int = 80, terminal: bool = False) -> str:
    """The findings as aligned lines for a terminal, then the verdict.

    Args:
        terminal: Whether a person reads it in a terminal: places may then be cut, and sentences are wrapped.
            A program that reads lines finds each of them whole.
    """
    lines = findings_table(judgement.findings, columns, terminal)
    hidden = judgement.issues - len(judgement.findings)
    if hidden:
        lines.append(f"… and {hidden:,} more (--show {judgement.issues} lists them all)")
    return "\n".join([*map(printed, lines), *verdict(judgement, columns if terminal else None)])


def findings_table(findings: Sequence[Finding], columns: int, cut_places: bool) -> list[str]:
    """The lines, a header first; nothing without findings.

    Args:
        cut_places: Whether places may be cut too, where nothing else helps: a place that is cut is no good to a program
            that reads the lines.
    """
    if not findings:
        return []
    rows = [("id", "where", "given -> suggested", "confidence", ""), *map(_cells, findings)]
    wanted = [max(map(width, column)) for column in zip(*rows, strict=True)]
    allowed = _fit(wanted, columns, cut_places)
    return [BETWEEN.join(map(_padded, row, allowed, range(len(row)))).rstrip() for row in rows]


def _cells(found: Finding) -> tuple[str, ...]:
    change = f"{visible(found.given)} -> {visible(found.suggested)}{' (trusted)' if found.trusted else ''}"
    return visible(str(found.id)), visible(found.place), change, f"{found.confidence:.3f}", found.snippet or ""


def _fit(wanted: Sequence[int], columns: int, cut_places: bool) -> list[int]:
    """Columns of each cell, so that all of them fit as far as that can be."""
    allowed = list(wanted)
    if sum(wanted) - wanted[TEXT] + min(wanted[TEXT], LEAST[TEXT]) + len(BETWEEN) * (len(wanted) - 1) > columns:
        allowed[TEXT] = 0  # rather no text than labels that are cut

    def over() -> int:
        return sum(allowed) + len(BETWEEN) * (sum(map(bool, allowed)) - 1) - columns

    for index in (*ORDER, *([PLACE] if cut_places else [])):
        if over() > 0 and allowed[index]:
            allowed[index] = max(min(LEAST[index], allowed[index]), allowed[index] - over())
    return allowed


def _padded(cell: str, columns: int, index: int) -> str:
    if not columns:
        return ""
    shown = shorten(cell, columns, head=index == PLACE)
    return shown + " " * (columns - width(shown))
