"""How plots look: panels in a row, colours that colour-blind readers tell apart, one legend beside them.

Colours: Okabe and Ito, "Color Universal Design" (2008), without yellow, which paper swallows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelfix.errors import SettingsError
from labelfix.runs import atomic_path

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
GREY = "#777777"

RIGHT, WRONG = COLOURS[0], COLOURS[1]
"""Colours of rightly and of wrongly labelled rows."""

STYLE = {
    "svg.hashsalt": "labelfix",
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
}
DPI = 200


@dataclass(frozen=True)
class LineStyle:
    """How a line is drawn."""

    colour: str
    dash: Any = "-"


def matplotlib_there() -> Any:  # noqa: ANN401 - the module
    """The matplotlib package.

    Raises:
        SettingsError: It is not installed.
    """
    try:
        import matplotlib.figure
    except ImportError:
        told = "plots need matplotlib, which is not installed; pip install 'labelfix[plots]'"
        raise SettingsError(told) from None
    return matplotlib


def looks(methods: Sequence[str]) -> dict[str, LineStyle]:
    """A look for every method, the same in all plots; those called after MLC come first and are drawn through."""
    count, ordered = len(COLOURS), sorted(methods, key=lambda name: not name.startswith("mlc"))
    return {name: LineStyle(COLOURS[i % count], DASHES[i // count % len(DASHES)]) for i, name in enumerate(ordered)}


def panels(count: int, size: tuple[float, float], columns: int, shared: bool = False) -> Any:  # noqa: ANN401
    """A figure with panels of one size, row by row.

    Args:
        size: Width and height of each with its labels, in inches.
        columns: At most this many beside each other.
        shared: Whether all have the same axes, whose numbers then stand at the left and below alone.

    Returns:
        The figure and its list of axes.
    """
    from matplotlib.figure import Figure

    columns = min(columns, count)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared).ravel().tolist()
    for spare in axes[count:]:
        spare.remove()
    return figure, axes[:count]


def title(figure: Any, text: str) -> None:  # noqa: ANN401
    """A title at the top left."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=10, fontweight="bold")


def legend(figure: Any) -> None:  # noqa: ANN401
    """What the colours of all panels stand for, once, beside them."""
    found = [zip(*axes.get_legend_handles_labels(), strict=True) for axes in figure.axes]
    named = {label: handle for pairs in found for handle, label in pairs}
    figure.legend(named.values(), named.keys(), loc="outside right upper", frameon=False, handlelength=4)


def save(figure: Any, folder: Path, name: str) -> list[Path]:  # noqa: ANN401
    """Write a figure as SVG and PNG; the same figure gives the same bytes."""
    written = []
    for suffix, metadata in (("svg", {"Date": None, "Creator": "labelfix"}), ("png", {"Software": None})):
        path = folder / f"{name}.{suffix}"
        with atomic_path(path) as beside:
            figure.savefig(beside, format=suffix, dpi=DPI, metadata=metadata, facecolor="white")
        written.append(path)
    return written
