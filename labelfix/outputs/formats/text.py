"""Aligned lines for a terminal or the log of a job."""

from __future__ import annotations

import shutil
import sys

from labelfix.outputs.findings_table import findings_table
from labelfix.outputs.judgement import Judgement
from labelfix.outputs.plain_text import printed
from labelfix.outputs.wording import verdict


def write(judgement: Judgement) -> str:
    """The findings and the verdict, as wide as the terminal; 80 columns where there is none."""
    return as_text(judgement, shutil.get_terminal_size().columns, sys.stdout.isatty())


def as_text(judgement: Judgement, columns: int = 80, terminal: bool = False) -> str:
    """The findings as aligned lines for a terminal, then the verdict.

    Args:
        columns: How wide the table may be; see `findings_table`.
        terminal: Whether a person reads it in a terminal: places may then be cut, and sentences are wrapped.
            A program that reads lines finds each of them whole.
    """
    lines = findings_table(judgement.findings, columns, terminal)
    hidden = judgement.issues - len(judgement.findings)
    if hidden:
        lines.append(f"… and {hidden:,} more (--show {judgement.issues} lists them all)")
    return "\n".join([*map(printed, lines), *verdict(judgement, columns if terminal else None)])
