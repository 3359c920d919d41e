"""Aligned lines for a terminal or the log of a job."""

from __future__ import annotations

import shutil
import sys

from labelfix.outputs.gate import as_text
from labelfix.outputs.judgement import Judgement


def write(judgement: Judgement) -> str:
    """The findings and the verdict, as wide as the terminal; 80 columns where there is none."""
    return as_text(judgement, shutil.get_terminal_size().columns, sys.stdout.isatty())
