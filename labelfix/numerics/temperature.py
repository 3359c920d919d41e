"""Temperature scaling: one number that makes probabilities mean what they say.

Source: Guo, Pleiss, Sun and Weinberger, ICML 2017.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.numerics.row_blocks import row_blocks

LOWEST, HIGHEST = 0.05, 20.0
"""Bounds of a temperature."""

IMPOSSIBLE = 1e4
"""A logit further than this below the largest counts as this far: of −∞ nothing can be made."""

PRECISION, STEPS = 1e-4, 60
"""The search for log T ends where a step (Newton's, or a bisection where that leads too far) is below the first number,
and after the second number of steps at the latest."""

MIN_ROWS = 10
"""With fewer rows than this the temperature stays 1: it would be noise."""


def fit_temperature(
    logits: npt.NDArray[np.floating], truth: npt.NDArray[np.int64], weights: npt.NDArray[np.floating] | None = None
) -> float:
    """The temperature that minimises the negative log-likelihood of softmax(logits / temperature) + ½ (log T)².

    Args:
        logits: `(R, K)` logits, or log-probabilities, of rows that the model was not trained on.
        truth: `(R,)` their true classes.
        weights: `(R,)` weights of the rows; equal by default.

    Returns:
        A number in [0.05, 20]; 1 with fewer than ten rows (by weight).
    """
    weight = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.sum() < MIN_ROWS:
        return 1.0

    def slopes(log_temperature: float) -> tuple[float, float]:
        """First and second derivative of the loss by log T."""
        # A standard normal prior on log T, worth one row: separable rows would send T to its bound.
        slope, curvature = log_temperature, 1.0
        for part in row_blocks(*logits.shape):
            scaled = np.asarray(logits[part], dtype=np.float64)
            scaled = np.maximum(scaled, scaled.max(axis=1, keepdims=True) - IMPOSSIBLE) / np.exp(log_temperature)
            p = np.exp(scaled - scaled.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            mean = (p * scaled).sum(axis=1)
            spread = (p * scaled**2).sum(axis=1) - mean**2
            gap = scaled[np.arange(len(scaled)), truth[part]] - mean
            slope += float(weight[part] @ gap)
            curvature += float(weight[part] @ (spread - gap))
        return slope, curvature

    low, high, at = np.log(LOWEST), np.log(HIGHEST), 0.0
    for _ in range(STEPS):
        slope, curvature = slopes(at)
        low, high = (at, high) if slope < 0 else (low, at)
        move = -slope / curvature if curvature > 0 else np.inf
        after = at + move if low < at + move < high else (low + high) / 2
        if abs(after - at) < PRECISION:
            break
        at = after
    return float(np.exp(after))
