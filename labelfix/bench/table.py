"""Tables of what came out: the mean over seeds with its standard error, per setting and method, and means over sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from labelfix.bench.levels import GIVEN, NoiseGrid, is_grid, noise_grid
from labelfix.bench.results import COLUMNS, Figure, Row, distinct, figure_of


@dataclass(frozen=True)
class Line:
    """One row of a table.

    Attributes:
        method: The method, or `GIVEN`.
        runs: How many runs (sets, for means) it stands on.
    """

    method: str
    runs: int
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Section:
    """The lines of one setting, or of the mean over a group of sets.

    Attributes:
        name: The setting (a set, or a set under one noise), or `mean of GROUP (n sets)`.
        level: Whether it is one of several levels of noise of a set.
    """

    name: str
    lines: tuple[Line, ...]
    level: bool = False


@dataclass(frozen=True)
class Tables:
    """All that a results folder says.

    Attributes:
        grids: One per set that was measured at several levels of noise.
    """

    sections: tuple[Section, ...]
    grids: tuple[NoiseGrid, ...]


def tables(rows: Sequence[Row]) -> Tables:
    """Tables of some runs.

    A mean over a group is given for the methods that were run on every set of the group that is there; of a set with
    several levels of noise its mean over them counts.
    """
    sections: list[Section] = []
    grids: list[NoiseGrid] = []
    by_set: dict[str, Section] = {}
    for name in distinct(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == name]
        grid = is_grid(own)
        settings = [
            Section(setting, _lines([row for row in own if row["setting"] == setting]), grid)
            for setting in distinct(row["setting"] for row in own)
        ]
        sections += settings
        by_set[name] = settings[0]
        if grid:
            grids.append(noise_grid(own))
            by_set[name] = _whole(grids[-1])
    groups: dict[str, list[str]] = {}
    for row in rows:
        for group in row["groups"]:
            members = groups.setdefault(group, [])
            if row["data"] not in members:
                members.append(row["data"])
    means = [_mean_of(group, [by_set[name] for name in own]) for group, own in groups.items() if len(own) > 1]
    return Tables((*sections, *means), tuple(grids))


def _lines(rows: Sequence[Row]) -> tuple[Line, ...]:
    # Every method of a seed was given the same labels.
    given = {row["seed"]: row["given_right"] for row in rows}
    untouched = figure_of(list(given.values()))
    lines = [Line(GIVEN, len(given), {} if untouched is None else {"corrected_right": untouched})]
    for method in distinct(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        found = {column.name: figure_of([row.get(column.name) for row in own]) for column in COLUMNS}
        lines.append(Line(method, len(own), {name: figure for name, figure in found.items() if figure is not None}))
    return tuple(lines)


def _whole(grid: NoiseGrid) -> Section:
    """A set's means over all of its levels, of the methods that lack none."""
    first = grid.means[0]
    own = [mean for mean in grid.means if (mean.kind, mean.rates) == (first.kind, first.rates)]
    return Section(grid.data, tuple(Line(mean.method, mean.seeds, mean.figures) for mean in own if not mean.missing))


def _mean_of(group: str, members: Sequence[Section]) -> Section:
    by_method: dict[str, list[Line]] = {}
    for section in members:
        for line in section.lines:
            by_method.setdefault(line.method, []).append(line)
    lines = []
    for method, own in by_method.items():
        if len(own) == len(members):
            shared = [column.name for column in COLUMNS if all(column.name in line.figures for line in own)]
            means = {name: Figure(fmean(line.figures[name].mean for line in own)) for name in shared}
            lines.append(Line(method, len(own), means))
    return Section(f"mean of {group} ({len(members)} sets)", tuple(lines))
