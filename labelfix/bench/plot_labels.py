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
    side = min(max(1.5, 0.3 * size), 4.0)
    longest = max(len(_short(name)) for name in names) if size <= NAMED else 0
    room = 0.3 + 0.075 * longest
    margins = plot_style.Margins(left=0.1, right=0.1, top=0.3, bottom=0.1, names_left=room, names_below=room)
    figure, axes = plot_style.panels(len(found), (side, side), margins, ACROSS, above=0.65)
    plot_style.title(figure, f"{rows[0]['setting']}: corrected labels of each true class")
    for number, (panel, (method, counts)) in enumerate(zip(axes, found.items(), strict=True)):
        table = counts.reshape(size, size)
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        drawn = panel.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, rasterized=size > NAMED)
        panel.set(aspect="equal", title=method, ylim=(size, 0))
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
        _name_fields(panel, names, number % ACROSS == 0, number + ACROSS >= len(found))
        if size <= NUMBERED:
            _number_fields(panel, shares)
    _colour_scale(figure, drawn)
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
    margins = plot_style.Margins(left=0.5, right=0.15, top=0.3, bottom=0.4, names_left=0.15)
    figure, axes = plot_style.panels(len(methods), (1.75, 1.3), margins, ACROSS, above=0.6)
    plot_style.title(figure, f"{rows[0]['setting']}: how likely the method takes the given label to be right")
    _name_two(figure)
    for number, (panel, method) in enumerate(zip(axes, methods, strict=True)):
        for counts, colour in ((right[method], plot_style.RIGHT), (wrong[method], plot_style.WRONG)):
            edges = np.linspace(0, 1, len(counts) + 1)
            shares = counts / max(counts.sum(), 1)
            panel.stairs(shares, edges, fill=True, color=colour, alpha=0.3)
            panel.stairs(shares, edges, color=colour, linewidth=1.2)
        panel.set(xlim=(0, 1), title=method)
        panel.set_ylim(bottom=0)
        if number % ACROSS == 0:
            panel.set_ylabel("share of rows")
        if number + ACROSS >= len(methods):
            panel.set_xlabel("P(given label)")
    return figure


def _sums(rows: Sequence[Row], column: str) -> dict[str, Any]:
    """Method → the counts of its runs, added up."""
    methods = distinct(row["method"] for row in rows if row.get(column))
    return {
        method: np.sum([row[column] for row in rows if row["method"] == method and row.get(column)], axis=0)
        for method in methods
    }


def _name_fields(panel: Any, names: Sequence[str], leftmost: bool, lowest: bool) -> None:  # noqa: ANN401
    size = len(names)
    if size > NAMED:
        panel.set_xticks([])
        panel.set_yticks([])
    else:
        middles, short = np.arange(size) + 0.5, [_short(name) for name in names]
        panel.set_xticks(middles, short if lowest else [""] * size, rotation=90)
        panel.set_yticks(middles, short if leftmost else [""] * size)
    if lowest:
        panel.set_xlabel("corrected")
    if leftmost:
        panel.set_ylabel("true")


def _number_fields(panel: Any, shares: Any) -> None:  # noqa: ANN401
    for (true, corrected), share in np.ndenumerate(shares):
        text = f"{100 * share:.0f}"
        if text != "0":
            colour = "white" if share > 0.55 else "black"
            panel.text(corrected + 0.5, true + 0.5, text, ha="center", va="center", fontsize=6, color=colour)


def _colour_scale(figure: Any, drawn: Any) -> None:  # noqa: ANN401
    """A scale below the title."""
    width, height = figure.get_size_inches()
    place = figure.add_axes((0.15 / width, 1 - 0.48 / height, 1.2 / width, 0.1 / height))
    scale = figure.colorbar(drawn, cax=place, orientation="horizontal", ticks=[])
    scale.outline.set_linewidth(0.4)
    figure.text(1.42 / width, 1 - 0.43 / height, "0 to 100 % of a row", va="center", fontsize=7.5)


def _name_two(figure: Any) -> None:  # noqa: ANN401
    width, height = figure.get_size_inches()
    at = 0.1
    for text, colour in (("rightly labelled", plot_style.RIGHT), ("wrongly labelled", plot_style.WRONG)):
        figure.text(at / width, 1 - 0.38 / height, f"■ {text}", color=colour, va="center", fontsize=8.5)
        at += 1.4


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
