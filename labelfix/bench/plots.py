"""Plots of what came out, as SVG and PNG.

After Figures 5 to 8 of Zheng, Awadallah and Dumais, "Meta Label Correction for Noisy Label Learning" (AAAI 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from labelfix.bench import plot_labels, plot_style, plot_training
from labelfix.bench.levels import GIVEN, is_grid
from labelfix.bench.results import Figure, Row, distinct, figure_of
from labelfix.errors import RunError

ACCURACIES = {
    "test_right": ("test-accuracy", "classifier, share of test rows right"),
    "corrected_right": ("corrected-labels", "corrected labels, share right"),
}
"""Column → name of its plot, and what its axis says."""

SHOWN_RATE = 0.6
"""ρ of the paper's Figures 6 and 7."""

PANEL = (4.0, 3.2)


def draw_all(rows: Sequence[Row], folder: Path, settings: Sequence[str] = ()) -> list[Path]:
    """Draw everything that the rows have figures for.

    Args:
        folder: Where the plots go; made if it is not there.
        settings: The settings of heat maps and histograms. Default: see `usual_settings`.

    Returns:
        The files.

    Raises:
        RunError: A setting has no run, or there is nothing to draw.
        SettingsError: matplotlib is not installed.
    """
    there = distinct(row["setting"] for row in rows)
    for name in settings:
        if name not in there:
            raise RunError(f"no run of setting {name!r} is there; those that are: {', '.join(there)}")
    matplotlib = plot_style.matplotlib_there()
    written: list[Path] = []
    with matplotlib.rc_context(plot_style.STYLE):
        for name, figure in _figures(rows, settings or usual_settings(rows)):
            written += plot_style.save(figure, folder, name)
    if not written:
        raise RunError("nothing to draw: no set with several levels of noise, and rows without confusions or histories")
    return written


def usual_settings(rows: Sequence[Row]) -> list[str]:
    """Settings without made noise, and of each set and kind of noise the level nearest to `SHOWN_RATE`."""
    nearest: dict[tuple[str, str], tuple[float, str]] = {}
    for row in rows:
        kind = row["setting"] if row["rate"] is None else row["noise"]
        away = abs((row["rate"] or 0) - SHOWN_RATE)
        key, one = (row["data"], kind), (away, row["setting"])
        nearest[key] = min(nearest.get(key, one), one)
    # Without noise there is nothing to correct, unless nothing else was run.
    noisy = [setting for (_, kind), (_, setting) in nearest.items() if kind != "none"]
    return noisy or [setting for _, setting in nearest.values()]


def _figures(rows: Sequence[Row], settings: Sequence[str]) -> Iterator[tuple[str, Any]]:
    look = plot_style.looks(distinct(row["method"] for row in rows))
    for name in distinct(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == name]
        if is_grid(own):
            for column in ACCURACIES:
                if any(row.get(column) is not None for row in own):
                    yield f"{ACCURACIES[column][0]}.{_file(name)}", accuracy_by_noise(own, column, look)
        for tail, figure in plot_training.figures(own, look):
            yield f"training.{_file(tail)}", figure
    for setting in settings:
        own = [row for row in rows if row["setting"] == setting]
        heat, shares = plot_labels.heat_maps(own), plot_labels.given_shares(own)
        if heat is not None:
            yield f"confusion.{_file(setting)}", heat
        if shares is not None:
            yield f"given-label.{_file(setting)}", shares


def accuracy_by_noise(rows: Sequence[Row], column: str, look: dict[str, plot_style.LineStyle]) -> Any:  # noqa: ANN401
    """Against ρ a line for each method, with its standard error over seeds; a panel for each kind (Figure 5)."""
    kinds = distinct(row["noise"] for row in rows if row["rate"])
    figure, axes = plot_style.panels(len(kinds), PANEL, columns=3, shared=True)
    several = len({row["seed"] for row in rows}) > 1
    plot_style.title(figure, f"{rows[0]['data']}: mean ± standard error over seeds" if several else rows[0]["data"])
    lines = {kind: _lines_of(rows, kind, column, look) for kind in kinds}
    for panel, kind in zip(axes, kinds, strict=True):
        panel.set_title(kind.upper(), loc="left")
        panel.set_xlabel("rate of noise ρ")
        if panel is axes[0]:
            panel.set_ylabel(ACCURACIES[column][1])
        for name, points, shown in lines[kind]:
            x, y = [rate for rate, _ in points], [f.mean for _, f in points]
            spread = [f.error or 0.0 for _, f in points]
            panel.plot(x, y, color=shown.colour, linestyle=shown.dash, marker="o", markersize=2.5, label=name)
            below, above = ([m + sign * e for m, e in zip(y, spread, strict=True)] for sign in (-1, 1))
            panel.fill_between(x, below, above, color=shown.colour, alpha=0.18, linewidth=0)
    plot_style.legend(figure)
    return figure


def _lines_of(
    rows: Sequence[Row], kind: str, column: str, look: dict[str, plot_style.LineStyle]
) -> list[tuple[str, list[tuple[float, Figure]], plot_style.LineStyle]]:
    """Name, points and look of every line of a panel."""
    own = [row for row in rows if row["noise"] == kind or (row["rate"] == 0 and kind in (row["noise_kinds"] or [kind]))]
    found = []
    for method in distinct(row["method"] for row in own):
        found.append((method, _points([row for row in own if row["method"] == method], column), look[method]))
    if column == "corrected_right":
        # Every method of a seed was given the same labels.
        once = {(row["rate"], row["seed"]): row for row in own}
        found.append((GIVEN, _points(list(once.values()), "given_right"), plot_style.LineStyle(plot_style.GREY, ":")))
    return [line for line in found if line[1]]


def _points(rows: Sequence[Row], column: str) -> list[tuple[float, Figure]]:
    rates = sorted({row["rate"] for row in rows})
    found = [(rate, figure_of([row.get(column) for row in rows if row["rate"] == rate])) for rate in rates]
    return [(rate, figure) for rate, figure in found if figure is not None]


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
