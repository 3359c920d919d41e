"""The curves of a training that tell people something, with the names they are shown under."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class NamedCurve:
    """A curve to draw.

    Attributes:
        series: One value a row of the history; NaN where there is none.
        share: Whether the values are shares.
        across: What the rows of the history are.
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
        if name in history and _varies(history[name])
    ]


def _varies(series: Sequence[float]) -> bool:
    finite = [value for value in series if math.isfinite(value)]
    return len(finite) > 1 and min(finite) < max(finite)
