"""Intervals for shares, without scipy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Z95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def effective(weights: npt.NDArray[np.float64]) -> float:
    """How many equally weighted rows these rows are worth: (Σ w)² / Σ w² (Korn and Graubard 1998).

    Args:
        weights: `(R,)`, none below 0.
    """
    return float(weights.sum() ** 2 / max(float((weights**2).sum()), 1e-300)) if len(weights) else 0.0


def wilson(successes: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval for a share.

    Args:
        successes: How often it happened.
        trials: How often it could have happened.
        z: Quantile of the normal distribution; the default gives 95 %.

    Returns:
        Lower and upper end in [0, 1]; (0, 1) without trials.
    """
    if trials <= 0:
        return 0.0, 1.0
    share = successes / trials
    centre = share + z * z / (2 * trials)
    half = z * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    scale = 1 + z * z / trials
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


def stratified(
    successes: npt.NDArray[np.float64],
    trials: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    z: float = Z95,
) -> tuple[float, float, float]:
    """A share that is the weighted mean of the shares of several groups, with its interval.

    Every group's variance is taken at Agresti and Coull's adjusted share, so that a group without a success does
    not count as certain. The weights are taken as known.

    Args:
        successes: `(K,)` per group.
        trials: `(K,)` per group; groups without trials are left out and the weights of the rest scaled up.
        weights: `(K,)` shares of the groups.
        z: Quantile of the normal distribution; the default gives 95 %.

    Returns:
        Estimate, lower and upper end in [0, 1].
    """
    used = trials > 0
    if not used.any() or weights[used].sum() <= 0:
        return float("nan"), 0.0, 1.0
    k, n = successes[used], trials[used]
    w = weights[used] / weights[used].sum()
    estimate = float((w * k / n).sum())
    adjusted = (k + z * z / 2) / (n + z * z)
    half = z * float(np.sqrt((w * w * adjusted * (1 - adjusted) / (n + z * z)).sum()))
    centre = float((w * adjusted).sum())
    return estimate, max(min(centre - half, estimate), 0.0), min(max(centre + half, estimate), 1.0)
