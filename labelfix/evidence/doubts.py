"""Trusted rows whose label a model that never saw them contradicts strongly. They are listed and never changed.

Legend: R held rows, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes

SURE, HARDLY = 0.9, 0.05
"""Another class has at least the first probability, the trusted label at most the second."""

MOST = 50
"""At most this many are listed."""


@dataclass(frozen=True)
class Doubt:
    """A doubtful trusted row: its place among the held ones, another label, and how likely the trusted one is."""

    row: int
    suggested: int
    probability: float


def doubts(log_f: Floats, truth: Codes) -> tuple[Doubt, ...]:
    """The doubtful rows, worst first, by `(R, K)` log-probabilities out of fold."""
    p = np.exp(log_f)
    own = p[np.arange(len(truth)), truth]
    found = np.flatnonzero((p.max(axis=1) >= SURE) & (own <= HARDLY))
    worst = found[np.argsort(own[found], kind="stable")][:MOST]
    return tuple(Doubt(int(row), int(p[row].argmax()), float(own[row])) for row in worst)
