"""The tables of a results folder, as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from labelfix.bench.layout import NOTHING, Grid, laid_out
from labelfix.bench.levels import BY_LEVEL, LevelTable, NoiseGrid, NoiseMean
from labelfix.bench.results import ACCURACY, CALIBRATION, MEANING, REST, Figure, FigureColumn
from labelfix.bench.table import Section, Tables

THRESHOLDS = (
    "corrected, sure: labels are changed only where the confidence reaches the plan's threshold; corrected, chosen: "
    "the method's own threshold. Seconds and memory of the fit."
)

NO_WRONG = "On wrong, AUROC and AP leave rate 0 out, where no label is wrong."


def as_text(found: Tables, markdown: bool = False, every_level: bool = False) -> str:
    """The tables for people.

    Args:
        every_level: Also all figures of every single level of noise, of which otherwise the means and a few are shown.
    """
    sections = [section for section in found.sections if every_level or not section.level]
    grids = []
    if sections:
        over = "Mean over seeds ± its standard error."
        grids.append(_by_setting("Accuracy and detection", sections, ACCURACY, (over, MEANING)))
        grids.append(_by_setting("Thresholds, calibration and cost", sections, REST, (THRESHOLDS,)))
    for grid in found.grids:
        grids += [_levels(grid.data, table) for table in grid.by_level if any_figure(table)]
        grids += _means(grid)
    return laid_out(grids, markdown)


def as_json(found: Tables) -> str:
    """The tables for programs."""
    return json.dumps(asdict(found), indent=2, allow_nan=False)


def any_figure(table: LevelTable) -> bool:
    """Whether there is anything in it."""
    return any(value is not None for line in table.methods.values() for value in line)


def _by_setting(title: str, sections: Sequence[Section], columns: Sequence[FigureColumn], notes: Sequence[str]) -> Grid:
    lines = [(section.name, line) for section in sections for line in section.lines]
    shown = [column for column in columns if any(column.name in line.figures for _, line in lines)]
    body = [
        [name, line.method, str(line.runs), *(_cell(line.figures, column) for column in shown)]
        for name, line in lines
        if any(column.name in line.figures for column in shown)
    ]
    return Grid(title, ["set", "method", "runs", *(column.heading for column in shown)], body, 2, notes)


def _means(grid: NoiseGrid) -> list[Grid]:
    notes = [
        "Mean over kinds and levels of noise for each seed, rate 0 counted once for each kind, then over seeds ± "
        f"standard error. {NO_WRONG} {MEANING}",
        *grid.notes,
    ]
    title = f"{grid.data}: means over noise"
    found = [(title, ACCURACY, notes), (f"{title}, calibration of corrected labels", CALIBRATION, [])]
    return [_means_of(grid, *one) for one in found]


def _means_of(grid: NoiseGrid, title: str, columns: Sequence[FigureColumn], notes: Sequence[str]) -> Grid:
    shown = [column for column in columns if any(column.name in mean.figures for mean in grid.means)]
    body = [
        [f"{mean.kind}, {mean.rates}", mean.method, _standing(mean), *(_cell(mean.figures, column) for column in shown)]
        for mean in grid.means
        if mean.missing or any(column.name in mean.figures for column in shown)
    ]
    return Grid(title, ["noise", "method", "seeds", *(column.heading for column in shown)], body, 2, notes)


def _standing(mean: NoiseMean) -> str:
    """How many seeds it stands on, or what is missing."""
    return f"{mean.missing} of {mean.levels} missing" if mean.missing else str(mean.seeds)


def _levels(data: str, table: LevelTable) -> Grid:
    column = next(column for column in BY_LEVEL if column.name == table.column)
    body = [
        [method, *(NOTHING if value is None else f"{value:.{column.digits}f}" for value in line)]
        for method, line in table.methods.items()
    ]
    head = ["method", *(f"{rate:g}" for rate in table.rates)]
    return Grid(f"{data}: {column.heading} by rate of {table.kind}", head, body, 1)


def _cell(figures: dict[str, Figure], column: FigureColumn) -> str:
    figure = figures.get(column.name)
    return NOTHING if figure is None else figure.shown(column.digits)
