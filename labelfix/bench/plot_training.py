"""Plots of how trainings went: losses and accuracy over epochs (Figure 8 of the MLC paper)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from labelfix.bench import plot_style
from labelfix.bench.results import Row, distinct

CURVES = {
    "corrected_loss": "loss of noisy rows",
    "clean_loss": "loss of clean rows",
    "meta_loss": "meta loss",
    "test_right": "share of test rows right",
}
"""Column of a history → what its axis says."""

LOSSES = ("corrected_loss", "clean_loss", "meta_loss")
"""On a logarithmic axis."""

SHORTEST = 3
"""Points that make a curve."""

PANEL = (2.8, 2.4)


@dataclass(frozen=True)
class TrainingCurves:
    """A training of one run.

    Attributes:
        curves: Column → its points (epoch, y).
    """

    name: str
    look: plot_style.LineStyle
    curves: dict[str, list[tuple[float, float]]]


def figures(rows: Sequence[Row], look: dict[str, plot_style.LineStyle]) -> Iterator[tuple[str, Any]]:
    """The trainings of one set, each run by its lowest seed.

    Yields:
        The end of a file name and a figure: for made noise one for each kind and method, with a line for each level;
        for a set with labels of its own one, with a line for each method.
    """
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row["setting"], row["method"])
        if row.get("history") and (key not in first or row["seed"] < first[key]["seed"]):
            first[key] = row
    bare = [row for row in first.values() if row["rate"] is None]
    if bare:
        courses = [_course(row, row["method"], look[row["method"]]) for row in bare]
        yield from _figure(bare[0]["setting"], f"{bare[0]['setting']}, seed {bare[0]['seed']}", courses)
    made = [row for row in first.values() if row["rate"] is not None]
    for kind in distinct(row["noise"] for row in made if row["rate"]):
        own = [
            row for row in made if row["noise"] == kind or (row["rate"] == 0 and kind in (row["noise_kinds"] or [kind]))
        ]
        for method in distinct(row["method"] for row in own):
            levels = sorted((row for row in own if row["method"] == method), key=lambda row: row["rate"])
            courses = [_course(row, f"ρ {row['rate']:g}", _by_rate(row["rate"])) for row in levels]
            title = f"{levels[0]['data']}, {kind.upper()}: {method}, seed {levels[0]['seed']}"
            yield from _figure(f"{levels[0]['data']}.{kind}.{method}", title, courses)


def _figure(name: str, title: str, courses: Sequence[TrainingCurves]) -> Iterator[tuple[str, Any]]:
    shown = [column for column in CURVES if any(column in course.curves for course in courses)]
    if not shown:
        return
    figure, axes = plot_style.panels(len(shown), PANEL, columns=4)
    plot_style.title(figure, title)
    for panel, column in zip(axes, shown, strict=True):
        for course in (course for course in courses if column in course.curves):
            x, y = zip(*course.curves[column], strict=True)
            panel.plot(x, y, color=course.look.colour, linestyle=course.look.dash, linewidth=1.1, label=course.name)
        panel.set_title(CURVES[column], loc="left")
        panel.set_xlabel("epoch")
        panel.xaxis.get_major_locator().set_params(integer=True)
        if column in LOSSES:
            _logarithmic(panel)
    plot_style.legend(figure)
    yield name, figure


def _logarithmic(panel: Any) -> None:  # noqa: ANN401 - matplotlib has no types here
    """A logarithmic y axis with plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    panel.yaxis.set_minor_locator(NullLocator())


def _course(row: Row, name: str, look: plot_style.LineStyle) -> TrainingCurves:
    history: list[dict[str, Any]] = json.loads(row["history"])
    at = _along(history)
    curves: dict[str, list[tuple[float, float]]] = {}
    for column in CURVES:
        points = [(x, float(one[column])) for x, one in zip(at, history, strict=True) if _fit(one.get(column), column)]
        if len(points) >= SHORTEST:
            curves[column] = points
    return TrainingCurves(name, look, curves)


def _along(history: Sequence[dict[str, Any]]) -> list[float]:
    """Where each row stands, in epochs; trainings in several phases go on where the one before ended."""
    found: list[float] = []
    for phase in distinct(str(one.get("phase")) for one in history):
        own = [one for one in history if str(one.get("phase")) == phase]
        epochs = [float(one.get("epoch", number)) for number, one in enumerate(own, start=1)]
        steps = [one["step"] for one in own if one.get("step")]
        if len(steps) == len(own):
            # Rows between the ends of epochs stand between them.
            epochs = [step * epochs[-1] / steps[-1] for step in steps]
        begun = found[-1] if found else 0.0
        found += [begun + at for at in epochs]
    return found


def _fit(value: object, column: str) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and (value > 0 or column not in LOSSES)


def _by_rate(rate: float) -> plot_style.LineStyle:
    """Darker for less noise; bright yellow, which paper swallows, is left out."""
    import matplotlib
    from matplotlib.colors import to_hex

    return plot_style.LineStyle(to_hex(matplotlib.colormaps["viridis"](0.88 * rate)))
