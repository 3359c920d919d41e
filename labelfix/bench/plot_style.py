"""How plots look: figures in inches, colours that colour-blind readers tell apart, labels at the ends of lines.

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
"""Of rightly and of wrongly labelled rows."""

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

LABEL_HEIGHT = 0.13
"""Inches that a label at the end of a line needs."""


@dataclass(frozen=True)
class LineStyle:
    """How a line is drawn."""

    colour: str
    dash: Any = "-"


@dataclass(frozen=True)
class Margins:
    """Room around a panel, in inches; `names_left` and `names_below` once, beside the first column and the last row."""

    left: float = 0.55
    right: float = 0.15
    top: float = 0.3
    bottom: float = 0.45
    names_left: float = 0.0
    names_below: float = 0.0


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


def panels(count: int, size: tuple[float, float], margins: Margins, columns: int, above: float = 0.35) -> Any:  # noqa: ANN401
    """A figure with panels of one size, row by row.

    Args:
        size: Width and height of each, without its margins, in inches.
        margins: Around each.
        columns: At most this many beside each other.
        above: Room for the figure's title, in inches.

    Returns:
        The figure and its list of axes.
    """
    from matplotlib.figure import Figure

    columns = min(columns, count)
    rows = math.ceil(count / columns)
    wide, high = size[0] + margins.left + margins.right, size[1] + margins.top + margins.bottom
    width, height = columns * wide + margins.names_left, rows * high + above + margins.names_below
    figure = Figure(figsize=(width, height))
    axes = []
    for number in range(count):
        row, column = divmod(number, columns)
        left = margins.names_left + column * wide + margins.left
        bottom = height - above - (row + 1) * high + margins.bottom
        axes.append(figure.add_axes((left / width, bottom / height, size[0] / width, size[1] / height)))
    return figure, axes


def title(figure: Any, text: str) -> None:  # noqa: ANN401
    """A title at the top left, at a fixed distance from the edge."""
    width, height = figure.get_size_inches()
    figure.text(0.1 / width, 1 - 0.1 / height, text, va="top", ha="left", fontsize=10, fontweight="bold")


def name_ends(axes: Any, ends: Sequence[tuple[str, float, float, str]]) -> None:  # noqa: ANN401
    """Write the names of lines to the right of their last points, without overlaps.

    Args:
        axes: Their panel; its limits must not change any more.
        ends: Name, x and y of the last point, colour.
    """
    height = axes.get_position().height * axes.figure.get_size_inches()[1]
    to_panel = axes.transAxes.inverted()
    placed = [(to_panel.transform(axes.transData.transform((x, y))), name, colour) for name, x, y, colour in ends]
    placed.sort(key=lambda one: (one[0][1], one[1]))
    spots = spread([float(point[1]) for point, _, _ in placed], LABEL_HEIGHT / height)
    for (point, name, colour), spot in zip(placed, spots, strict=True):
        leader = {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0}
        axes.annotate(
            name,
            xy=(point[0], point[1]),
            xytext=(1.05, spot),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=colour,
            fontsize=7.5,
            va="center",
            annotation_clip=False,
            arrowprops=leader | {"relpos": (0, 0.5)},
        )


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Heights in [0, 1] at least `gap` apart, each as near as it gets to the wanted one; `wanted` ascends.

    Clusters of neighbours that are too close are centred on their mean; what does not fit into [0, 1] stands out above.
    """
    clusters: list[list[float]] = []
    for height in wanted:
        clusters.append([height])
        while len(clusters) > 1 and _top(clusters[-2], gap) + gap > _bottom(clusters[-1], gap):
            last = clusters.pop()
            clusters[-1] += last
    return [_bottom(cluster, gap) + i * gap for cluster in clusters for i in range(len(cluster))]


def save(figure: Any, folder: Path, name: str) -> list[Path]:  # noqa: ANN401
    """Write a figure as SVG and PNG; the same figure gives the same bytes.

    Raises:
        RunError: The folder cannot be written.
    """
    written = []
    for suffix, metadata in (("svg", {"Date": None, "Creator": "labelfix"}), ("png", {"Software": None})):
        path = folder / f"{name}.{suffix}"
        with atomic_path(path) as beside:
            figure.savefig(beside, format=suffix, dpi=DPI, metadata=metadata, facecolor="white")
        written.append(path)
    return written


def _bottom(cluster: Sequence[float], gap: float) -> float:
    height = (len(cluster) - 1) * gap
    return max(min(sum(cluster) / len(cluster) - height / 2, 1 - height), 0.0)


def _top(cluster: Sequence[float], gap: float) -> float:
    return _bottom(cluster, gap) + (len(cluster) - 1) * gap
