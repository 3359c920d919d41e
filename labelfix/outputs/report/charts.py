"""Charts as inline SVG, drawn by hand: bars, lines and points in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from labelfix.outputs.report.plain import number, percent

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 520, 240, 46, 34, 10
POINTS = 300
"""Points of a curve; longer ones are thinned."""


NAMES = {
    "held_out_accuracy": "Trusted rows kept out of the training: share right",
    "held_out_loss": "Trusted rows kept out of the training: log loss",
    "meta_loss": "Log loss on the trusted rows that steer the correction",
    "corrected_loss": "Log loss on the noisy rows",
    "clean_loss": "Log loss on the trusted rows that are learned from",
    "changed": "Share of the given labels that the correction changes",
}
"""Column of `history.parquet` → what it is; in this order. Other columns (step sizes, norms, weights, memory) help
those who tune a method and stay in the file."""

SHARES = ("held_out_accuracy", "changed")


def histogram(counts: npt.NDArray[np.int64]) -> Markup:
    """label_score of rows that are no label issue, and of those that are, stacked; `(2, B)`."""
    total, bins = counts.sum(axis=0), counts.shape[1]
    # Counts span several powers of ten: a few hundred wrong labels would vanish beside the right ones.
    top = math.log10(max(int(total.max()), 1) + 1)

    def height(value: float) -> float:
        return (HEIGHT - BOTTOM - TOP) * math.log10(value + 1) / max(top, 1e-9)

    step = (WIDTH - LEFT - 8) / bins
    parts = []
    for b in range(bins):
        x = LEFT + b * step
        for part, upto in (("keep", total[b]), ("issue", counts[1, b])):
            tall = height(float(upto))
            title = (
                f"{b / bins:.2f} to {(b + 1) / bins:.2f}: {int(total[b]):,} rows, {int(counts[1, b]):,} label issues"
            )
            parts.append(
                f'<rect class="{part}" x="{x + 1:.1f}" y="{HEIGHT - BOTTOM - tall:.1f}" width="{step - 2:.1f}" '
                f'height="{tall:.1f}"><title>{title}</title></rect>'
            )
    ticks = [(10**power, HEIGHT - BOTTOM - height(10**power)) for power in range(math.ceil(top) + 1) if power <= top]
    summary = f"{int(total.sum()):,} rows by label score; {int(counts[1].sum()):,} of them are label issues"
    halves = [(0, "0: surely wrong"), (0.5, "0.5"), (1, "1: surely right")]
    return _frame(parts, "label score", halves, [(y, f"{value:,}") for value, y in ticks], summary)


def reliability(curve: Sequence[Mapping[str, Any]]) -> Markup:
    """Share right by confidence; the area of a point grows with its rows."""
    most = max((float(each["rows"]) for each in curve), default=1.0)
    parts = [f'<line class="ideal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>']
    points = " ".join(f"{_x(each['confidence'])},{_y(each['right'])}" for each in curve)
    parts.append(f'<polyline class="line" points="{points}"/>')
    for each in curve:
        radius = 2.5 + 6 * math.sqrt(float(each["rows"]) / most)
        title = f"confidence {each['confidence']:.2f}: {each['right']:.1%} right, {each['rows']:.0f} rows"
        place = f'cx="{_x(each["confidence"])}" cy="{_y(each["right"])}" r="{radius:.1f}"'
        parts.append(f'<circle class="point" {place}><title>{title}</title></circle>')
    halves = [(0, "0"), (0.5, "0.5"), (1, "1")]
    told = [f"{each['right']:.0%} right at confidence {each['confidence']:.2f}" for each in curve]
    summary = f"Share right by confidence: {', '.join(told)}"
    return _frame(parts, "confidence", halves, [(float(_y(v)), text) for v, text in halves], summary)


def curve(found: NamedCurve) -> Markup:
    """A series over the rows of the history."""
    points = [(i, value) for i, value in enumerate(found.series) if math.isfinite(value)]
    if len(points) > POINTS:
        points = [points[round(i * (len(points) - 1) / (POINTS - 1))] for i in range(POINTS)]
    low, high = min(value for _, value in points), max(value for _, value in points)
    span, last = (high - low) or 1.0, max(len(found.series) - 1, 1)
    drawn = " ".join(f"{_x(i / last)},{_y((value - low) / span)}" for i, value in points)
    told = _told(found.share)
    ticks = [(float(_y(0)), told(low)), (float(_y(1)), told(high))]
    summary = f"{found.name}: from {told(points[0][1])} to {told(points[-1][1])}, between {told(low)} and {told(high)}"
    across = [(0, found.ends[0]), (1, found.ends[1])]
    return _frame([f'<polyline class="line" points="{drawn}"/>'], found.across, across, ticks, summary)


def _x(share: float) -> str:
    return f"{LEFT + share * (WIDTH - LEFT - 8):.1f}"


def _y(share: float) -> str:
    return f"{HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP):.1f}"


def _frame(
    parts: Sequence[str], below: str, across: Sequence[tuple[float, str]], up: Sequence[tuple[float, str]], summary: str
) -> Markup:
    """Axes and tick labels around a drawing, which `summary` tells to those who do not see it.

    No text here comes from data.
    """
    lines = [f'<line class="axis" x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH - 8}" y2="{HEIGHT - BOTTOM}"/>']
    for y, text in up:
        lines.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 8}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    for share, text in across:
        ends = {0.0: "start", 1.0: "end"} if len(text) > len("1,000") else {}
        anchor = ends.get(share, "middle")
        lines.append(f'<text x="{_x(share)}" y="{HEIGHT - BOTTOM + 16}" text-anchor="{anchor}">{text}</text>')
    lines.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 2}" text-anchor="middle">{below}</text>')
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{summary}">{"".join(lines)}{"".join(parts)}</svg>'
    )


@dataclass(frozen=True)
class NamedCurve:
    """A curve to draw.

    Attributes:
        series: One value a row of the history; NaN where there is none.
        ends: What the first and the last of them are called.
    """

    name: str
    series: Sequence[float]
    share: bool
    across: str
    ends: tuple[str, str]


def named_curves(history: Mapping[str, Sequence[float]]) -> list[NamedCurve]:
    """The curves worth drawing: known by name, and not flat.

    Args:
        history: Column → values. Without epochs it is a list of settings that were tried, not a course over time.
    """
    epochs = history.get("epoch")
    if not epochs:
        return []
    rising = all(before < after for before, after in zip(epochs, epochs[1:], strict=False))
    if rising:
        across, ends = "epoch", (f"{epochs[0]:,.0f}", f"{epochs[-1]:,.0f}")
    else:
        across, ends = "course of the training, phase by phase", ("start", "end")
    return [
        NamedCurve(text, history[name], name in SHARES, across, ends)
        for name, text in NAMES.items()
        if name in history and _varies(history[name], _told(name in SHARES))
    ]


def _told(share: bool) -> Callable[[float], str]:
    """How a value of a curve is written."""
    return percent if share else lambda value: number(float(f"{value:.3g}"))


def _varies(series: Sequence[float], told: Callable[[float], str]) -> bool:
    """Whether the ends of a curve differ as they are written: else a line of noise would look like a course."""
    finite = [value for value in series if math.isfinite(value)]
    return len(finite) > 1 and told(min(finite)) != told(max(finite))
