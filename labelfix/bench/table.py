"""Tables of what came out: the mean over seeds with its standard error, per set and method, and means over sets."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from labelfix.data.formats.base import natural_key
from labelfix.errors import RunError

FIGURES = {
    "auroc": "AUROC",
    "average_precision": "AP",
    "corrected_right": "corrected",
    "corrected_sure_right": "corrected, sure",
    "corrected_chosen_right": "corrected, chosen",
    "test_right": "test",
    "ece": "ECE",
    "seconds": "seconds",
    "cpu_seconds": "CPU seconds",
    "peak_mb": "peak MB",
}
"""Column of a run's row → heading."""

DIGITS = {"seconds": 1, "cpu_seconds": 1, "peak_mb": 0}
"""Digits after the point where they are not three."""

GIVEN = "given labels"
"""The row that stands for doing nothing."""

NOTE = (
    "Mean over seeds ± its standard error. corrected: arg-max; corrected, sure: only where the confidence reaches the "
    "plan's threshold; corrected, chosen: the method's own threshold. All on noisy rows; test on held-out rows."
)


@dataclass(frozen=True)
class Figure:
    """A mean and how sure it is.

    Attributes:
        mean: Over seeds, or over sets.
        error: Standard error over seeds; None with one seed, and for means over sets.
    """

    mean: float
    error: float | None = None

    def shown(self, digits: int) -> str:
        """`0.874 ± 0.003`, or the mean alone."""
        tail = "" if self.error is None else f" ± {self.error:.{digits}f}"
        return f"{self.mean:.{digits}f}{tail}"


@dataclass(frozen=True)
class Line:
    """One row of a table.

    Attributes:
        method: The method, or `GIVEN`.
        runs: How many runs (sets, for means) it stands on.
        figures: Column → value; a column without one is absent.
    """

    method: str
    runs: int
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Section:
    """The lines of one set, or of the mean over a group of sets.

    Attributes:
        name: The set, or `mean of GROUP (n sets)`.
        lines: One per method.
    """

    name: str
    lines: tuple[Line, ...]


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of all finished runs in a results folder.

    Raises:
        RunError: There is no such folder, or no run in it.
    """
    files = sorted(folder.glob("*.parquet")) if folder.is_dir() else []
    if not files:
        raise RunError(f"{folder}: holds no results; `labelfix bench run --out {folder}` makes them")
    rows: list[dict[str, Any]] = []
    for file in files:
        try:
            rows += pq.read_table(file).to_pylist()
        except (OSError, ValueError) as error:
            raise RunError(f"{file}: cannot be read ({error}); delete it and run the bench again") from None
    return sorted(rows, key=lambda row: (natural_key(row["data"]), natural_key(row["method"]), row["seed"]))


def sections(rows: Sequence[dict[str, Any]]) -> list[Section]:
    """Tables of some runs: a section per set, and one per group with the means over its sets.

    A mean over a group is given for the methods that were run on every set of the group that is there.
    """
    names = list(dict.fromkeys(row["data"] for row in rows))
    by_set = {name: Section(name, _lines([row for row in rows if row["data"] == name])) for name in names}
    groups: dict[str, list[str]] = {}
    for row in rows:
        for group in row["groups"] or []:
            members = groups.setdefault(group, [])
            if row["data"] not in members:
                members.append(row["data"])
    means = [_mean_of(group, [by_set[name] for name in members]) for group, members in groups.items()]
    return [*by_set.values(), *means]


def as_text(found: Sequence[Section], markdown: bool = False) -> str:
    """The tables for people: aligned columns, or Markdown."""
    head = ["set", "method", "runs", *FIGURES.values()]
    body = [
        [section.name, line.method, str(line.runs), *(_cell(line, name) for name in FIGURES)]
        for section in found
        for line in section.lines
    ]
    widths = [max(len(row[column]) for row in (head, *body)) for column in range(len(head))]
    table = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (head, *body)]
    if markdown:
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        lines = [f"| {' | '.join(row)} |" for row in table]
        return "\n".join([lines[0], rule, *lines[1:], "", NOTE])
    return "\n".join(["  ".join(row).rstrip() for row in table] + ["", NOTE])


def as_json(found: Sequence[Section]) -> str:
    """The tables for programs."""
    return json.dumps([asdict(section) for section in found], indent=2, allow_nan=False)


def _lines(rows: Sequence[dict[str, Any]]) -> tuple[Line, ...]:
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines = [
        Line(
            method,
            len(own),
            {name: f for name in FIGURES if (f := _figure([row.get(name) for row in own])) is not None},
        )
        for method in methods
        if (own := [row for row in rows if row["method"] == method])
    ]
    # Every method of a seed was given the same labels.
    given = {row["seed"]: row["given_right"] for row in rows}
    untouched = _figure(list(given.values()))
    assert untouched is not None
    return (Line(GIVEN, len(given), {"corrected_right": untouched}), *lines)


def _figure(values: Sequence[float | None]) -> Figure | None:
    there = [value for value in values if value is not None]
    if not there or len(there) < len(values):
        return None
    mean = sum(there) / len(there)
    if len(there) == 1:
        return Figure(mean)
    spread = math.sqrt(sum((value - mean) ** 2 for value in there) / (len(there) - 1))
    return Figure(mean, spread / math.sqrt(len(there)))


def _mean_of(group: str, members: Sequence[Section]) -> Section:
    by_method: dict[str, list[Line]] = {}
    for section in members:
        for line in section.lines:
            by_method.setdefault(line.method, []).append(line)
    lines = []
    for method, own in by_method.items():
        if len(own) == len(members):
            shared = [name for name in FIGURES if all(name in line.figures for line in own)]
            means = {name: Figure(sum(line.figures[name].mean for line in own) / len(own)) for name in shared}
            lines.append(Line(method, len(own), means))
    return Section(f"mean of {group} ({len(members)} sets)", tuple(lines))


def _cell(line: Line, name: str) -> str:
    figure = line.figures.get(name)
    return "–" if figure is None else figure.shown(DIGITS.get(name, 3))
