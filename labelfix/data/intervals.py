"""Intervals for shares, without scipy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Z95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def effective(weights: npt.NDArray[np.float64]) -> float:
    """How many equal rows rows of weights `(R,)` are worth: (Σ w)² / Σ w² (Korn and Graubard 1998)."""
    return float(weights.sum() ** 2 / max(float((weights**2).sum()), 1e-300)) if len(weights) else 0.0


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """Wilson's 95 % score interval for a share, its ends in [0, 1]; (0, 1) without trials."""
    if trials <= 0:
        return 0.0, 1.0
    share, z = successes / trials, Z95
    centre = share + z * z / (2 * trials)
    half = z * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    scale = 1 + z * z / trials
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


FEWEST = (0.0, 0.05129, 0.35536, 0.81769, 1.36632, 1.97015, 2.61301, 3.28532, 3.98082, 4.69523, 5.42541)
"""For 0 to 10 hits: the expected number with which at least so many happen in 1 of 20 cases (Poisson)."""


def share_interval(successes: float, trials: float) -> tuple[float, float]:
    """Wilson's interval, corrected where hits or misses are few.

    Alone it holds a share just below its lower end for one hit in 5 of 6 cases only; Brown, Cai and DasGupta
    (Statistical Science 2001, 4.1.1) put the Poisson distribution's bound in its place there.

    Args:
        successes: How often it happened; not whole where rows have weights.

    Returns:
        Lower and upper end in [0, 1]; (0, 1) without trials.
    """
    low, high = wilson(successes, trials)
    if trials > 0:
        low, high = min(low, _fewest(successes) / trials), max(high, 1 - _fewest(trials - successes) / trials)
    return max(low, 0.0), min(high, 1.0)


def _fewest(count: float) -> float:
    """`FEWEST` between whole numbers; beyond it Wilson's ends are the outer ones."""
    whole = int(max(count, 0.0))
    if whole >= len(FEWEST) - 1:
        return count
    return FEWEST[whole] + (max(count, 0.0) - whole) * (FEWEST[whole + 1] - FEWEST[whole])
