"""The verdict of a run in plain words: what was changed, whether to use it, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelfix.outputs.changes import changes_line

USE, KEEP = "use", "keep"
"""Of `verdict.labels`; every other answer asks for more trusted rows."""


@dataclass(frozen=True)
class Advice:
    """The first lines of the page.

    Attributes:
        kind: `use`, `keep`, or empty.
        changed: What was changed, as `train` prints it.
        sentence: Whether to use it, as `train` prints it; empty where nothing judges the run.
        following: What to do next; empty where there is nothing to say.
        command: The command for it; empty where there is none.
    """

    kind: str
    changed: str
    sentence: str
    following: str
    command: str


def advice(run: str, rows: int, actions: Mapping[str, int], verdict: Mapping[str, Any] | None) -> Advice:
    """Gather it.

    Args:
        run: The run folder, as the user named it.
        rows: Rows of the noisy table.
        actions: Rows of each action.
        verdict: `verdict` of `metrics.json`; None where nothing judges the run.
    """
    changed = changes_line(rows, actions)
    if not verdict:
        return Advice("", changed, "", "", "")
    kind, sentence, place = verdict["labels"], verdict["sentence"], shlex.quote(run)
    if kind == USE:
        command = f"labelfix export --run {place} --corrected-labels fixed.parquet"
        following = "write the noisy file with the corrected labels"
    elif kind == KEEP:
        following, command = "leave the labels as they are; the rows below are those most worth a look", ""
    else:
        following = "check the rows that tell most, and train again with the answers as further trusted rows"
        command = f"labelfix next --run {place} --out to_label.csv"
    return Advice(kind if kind in (USE, KEEP) else "", changed, sentence, following, command)
