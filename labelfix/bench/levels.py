"""Means over noise: of a set that was measured at several levels, as the MLC paper's Table 2 gives them.

Zheng, Awadallah and Dumais, "Meta Label Correction for Noisy Label Learning" (AAAI 2021), Table 2: the mean over kinds
of noise and their levels, rate 0 counted once for each kind. Here with its standard error over seeds: the mean over
levels is taken for every seed, then the seeds' mean. A seed counts where none of its levels is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from labelfix.bench.results import ACCURACY, CALIBRATION, Figure, FigureColumn, Row, distinct, figure_of

GIVEN = "given labels"
"""The row that stands for doing nothing."""

ALL = "all"
"""What the mean over all kinds of noise is called."""

FIGURES = (*ACCURACY, *CALIBRATION)
"""What the means are of."""

BY_LEVEL = tuple(c for c in FIGURES if c.name in ("test_right", "corrected_right", "average_precision"))
"""What is shown for every single level."""

Level = tuple[str, float]
"""A kind of noise and its ρ."""


@dataclass(frozen=True)
class NoiseMean:
    """A method's means over some levels.

    Attributes:
        rates: Which levels: `0 to 0.9`.
        missing: How many the most complete seed lacks; nothing is averaged then.
        figures: Column → value. Those that exist only where given labels are wrong leave rate 0 out.
    """

    method: str
    kind: str
    rates: str
    seeds: int
    levels: int
    missing: int
    figures: dict[str, Figure]


@dataclass(frozen=True)
class LevelTable:
    """One figure at every level of one kind of noise.

    Attributes:
        methods: Method → mean over its seeds, one for each level; None where it was not run.
    """

    kind: str
    column: str
    rates: tuple[float, ...]
    methods: dict[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class NoiseGrid:
    """The means of one set, and what they are made of.

    Attributes:
        means: For each range of levels and each kind, all kinds first: one per method.
        by_level: A table for each kind and each of `BY_LEVEL`.
    """

    data: str
    means: tuple[NoiseMean, ...]
    by_level: tuple[LevelTable, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Cells:
    """The rows of a set by level, method and seed."""

    levels: tuple[Level, ...]
    rows: dict[Level, dict[tuple[str, int], Row]]

    @property
    def kinds(self) -> list[str]:
        return distinct(kind for kind, _ in self.levels)

    def rates(self, kind: str) -> tuple[float, ...]:
        return tuple(rate for own, rate in self.levels if own == kind)


def is_grid(rows: Sequence[Row]) -> bool:
    """Whether the rows of a set are of more than one level of noise."""
    return len({(row["noise"], row["rate"]) for row in rows if row["rate"] is not None}) > 1


def noise_grid(rows: Sequence[Row]) -> NoiseGrid:
    """The means of one set over its levels."""
    cells = _cells(rows)
    methods = distinct(row["method"] for row in rows)
    means: list[NoiseMean] = []
    notes: list[str] = []
    for number, keep in enumerate(_ranges(cells.levels)):
        for kind in (ALL, *cells.kinds) if len(cells.kinds) > 1 else cells.kinds:
            levels = [level for level in cells.levels if keep(level[1]) and kind in (ALL, level[0])]
            if levels:
                means += [_mean(cells, levels, kind, method) for method in (GIVEN, *methods)]
        if number == 0:
            notes = _left_out(cells, methods)
    tables = [_by_level(cells, kind, column, methods) for column in BY_LEVEL for kind in cells.kinds]
    return NoiseGrid(rows[0]["data"], tuple(means), tuple(tables), tuple(notes))


def _cells(rows: Sequence[Row]) -> _Cells:
    kinds = distinct(row["noise"] for row in rows if row["rate"])
    untouched = {kind for row in rows if row["rate"] == 0 for kind in row["noise_kinds"] if kind != "none"}
    found: dict[Level, dict[tuple[str, int], Row]] = {}
    for row in rows:
        # A run without noise stands for every kind of its plan.
        own = [row["noise"]] if row["rate"] else sorted(untouched) or kinds
        for kind in own:
            found.setdefault((kind, row["rate"]), {})[row["method"], row["seed"]] = row
    return _Cells(tuple(sorted(found)), found)


def _ranges(levels: Sequence[Level]) -> list[Callable[[float], bool]]:
    rates = {rate for _, rate in levels}
    ranges: list[Callable[[float], bool]] = [lambda rate: True]
    if 0.0 in rates and 1.0 in rates:
        ranges.append(lambda rate: rate < 1)
    if 0.0 in rates:
        ranges.append(lambda rate: rate > 0)
    return ranges


def _mean(cells: _Cells, levels: Sequence[Level], kind: str, method: str) -> NoiseMean:
    seeds, missing = _complete(cells, levels, method)
    columns = [FigureColumn("given_right", "")] if method == GIVEN else list(FIGURES)
    figures: dict[str, Figure] = {}
    for column in columns:
        # Without noise there are no wrong labels to measure.
        own = [level for level in levels if level[1] > 0 or not column.of_wrong]
        values = [_over_levels([_row(cells, level, method, seed).get(column.name) for level in own]) for seed in seeds]
        figure = figure_of(values)
        if figure is not None:
            figures["corrected_right" if method == GIVEN else column.name] = figure
    rates = sorted({rate for _, rate in levels})
    shown = f"{rates[0]:g} to {rates[-1]:g}" if len(rates) > 1 else f"{rates[0]:g}"
    return NoiseMean(method, kind, shown, len(seeds), len(levels), missing, figures)


def _complete(cells: _Cells, levels: Sequence[Level], method: str) -> tuple[list[int], int]:
    """The seeds of a method at all levels, and how many levels the most complete of its seeds lacks."""
    there = {seed for level in levels for name, seed in cells.rows[level] if method in (GIVEN, name)}
    lacking = {seed: sum(not _has(cells, level, method, seed) for level in levels) for seed in there}
    return sorted(seed for seed, count in lacking.items() if count == 0), min(lacking.values(), default=len(levels))


def _has(cells: _Cells, level: Level, method: str, seed: int) -> bool:
    return any(own == seed and method in (GIVEN, name) for name, own in cells.rows[level])


def _row(cells: _Cells, level: Level, method: str, seed: int) -> Row:
    # Every method of a seed was given the same labels.
    return next(row for (name, own), row in cells.rows[level].items() if own == seed and method in (GIVEN, name))


def _over_levels(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return fmean(there) if there and len(there) == len(values) else None


def _left_out(cells: _Cells, methods: Sequence[str]) -> list[str]:
    notes = []
    for method in methods:
        seeds, _ = _complete(cells, cells.levels, method)
        every = sorted({seed for rows in cells.rows.values() for name, seed in rows if name == method})
        for seed in every:
            lacks = sum(not _has(cells, level, method, seed) for level in cells.levels)
            if lacks and seeds:
                notes.append(f"{method}, seed {seed}: left out, {lacks} of {len(cells.levels)} levels are missing")
    return notes


def _by_level(cells: _Cells, kind: str, column: FigureColumn, methods: Sequence[str]) -> LevelTable:
    rates = cells.rates(kind)
    found: dict[str, tuple[float | None, ...]] = {}
    for method in (GIVEN, *methods) if column.name == "corrected_right" else methods:
        name = "given_right" if method == GIVEN else column.name
        line = []
        for rate in rates:
            at = cells.rows[kind, rate].items()
            figure = figure_of([row.get(name) for (own, _), row in at if method in (GIVEN, own)])
            line.append(None if figure is None else figure.mean)
        found[method] = tuple(line)
    return LevelTable(kind, column.name, rates, found)
