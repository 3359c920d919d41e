"""Plots of corrected labels at one setting: corrected against true ones, and P(given label) of right and wrong ones.

Legend: K classes, B bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labelfix.bench import plot_style
from labelfix.bench.results import Row, distinct

NUMBERED = 14
"""Up to this many classes the fields of a heat map bear their share."""

NAMED = 30
"""Up to this many classes its rows and columns bear their names."""

LONGEST = 14
"""Letters of a class's name."""

ACROSS = 4
"""Panels beside each other."""


def heat_maps(rows: Sequence[Row]) -> Any:  # noqa: ANN401 - matplotlib has no types here
    """True against corrected labels, a panel for each method, rows adding up to 1 (Figure 6).

    Args:
        rows: The runs of one setting; seeds are added up.

    Returns:
        A figure; None where no run has its confusions.
    """
    found = _sums(rows, "confusion")
    if not found:
        return None
    names = next(row["class_names"] for row in rows if row.get("confusion"))
    size = len(names)
    side = min(max(2.0, 0.3 * size + 0.8), 4.5)
    figure, axes = plot_style.panels(len(found), (side, side), ACROSS, shared=True)
    plot_style.title(figure, f"{rows[0]['setting']}: corrected labels of each true class")
    for panel, (method, counts) in zip(axes, found.items(), strict=True):
        table = counts.reshape(size, size)
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        drawn = panel.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, rasterized=size > NAMED)
        panel.set(aspect="equal", title=method, ylim=(size, 0), xlabel="corrected", ylabel="true")
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
        places, short = (np.arange(size) + 0.5, [_short(name) for name in names]) if size <= NAMED else ([], [])
        panel.set_xticks(places, short, rotation=90)
        panel.set_yticks(places, short)
        panel.label_outer()
        if size <= NUMBERED:
            _number_fields(panel, shares)
    figure.colorbar(drawn, ax=axes, label="share of a row", shrink=0.6)
    return figure


def given_shares(rows: Sequence[Row]) -> Any:  # noqa: ANN401
    """How P(given label) is spread over rightly and over wrongly labelled rows, a panel for each method (Figure 7).

    Args:
        rows: The runs of one setting; seeds are added up, and each of the two sums is 1.

    Returns:
        A figure; None where no run has its counts.
    """
    right, wrong = _sums(rows, "given_share_right"), _sums(rows, "given_share_wrong")
    methods = [method for method in right if method in wrong]
    if not methods:
        return None
    figure, axes = plot_style.panels(len(methods), (2.3, 2.0), ACROSS)
    plot_style.title(figure, f"{rows[0]['setting']}: how likely the method takes the given label to be right")
    drawn = (right, plot_style.RIGHT, "rightly labelled"), (wrong, plot_style.WRONG, "wrongly labelled")
    for panel, method in zip(axes, methods, strict=True):
        for counts, colour, name in drawn:
            edges = np.linspace(0, 1, len(counts[method]) + 1)
            shares = counts[method] / max(counts[method].sum(), 1)
            panel.stairs(shares, edges, fill=True, color=colour, alpha=0.3, label=name)
            panel.stairs(shares, edges, color=colour, linewidth=1.2)
        panel.set(xlim=(0, 1), title=method, xlabel="P(given label)", ylabel="share of rows")
        panel.set_ylim(bottom=0)
    plot_style.legend(figure)
    return figure


def _sums(rows: Sequence[Row], column: str) -> dict[str, Any]:
    """Method → the counts of its runs, added up."""
    methods = distinct(row["method"] for row in rows if row.get(column))
    return {
        method: np.sum([row[column] for row in rows if row["method"] == method and row.get(column)], axis=0)
        for method in methods
    }


def _number_fields(panel: Any, shares: Any) -> None:  # noqa: ANN401
    for (true, corrected), share in np.ndenumerate(shares):
        text = f"{100 * share:.0f}"
        if text != "0":
            colour = "white" if share > 0.55 else "black"
            panel.text(corrected + 0.5, true + 0.5, text, ha="center", va="center", fontsize=6, color=colour)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
