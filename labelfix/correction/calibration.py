"""Temperature scaling: one number that makes probabilities mean what they say.

Source: Guo, Pleiss, Sun and Weinberger, ICML 2017.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

LOWEST, HIGHEST = 0.05, 20.0
"""Bounds of a temperature."""

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
    scores = np.asarray(logits, dtype=np.float64)
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(scores / np.exp(log_temperature), axis=1)[rows, truth]
        # A standard normal prior on log T, worth one row: separable rows would send T to its bound.
        return float(-(weight * likelihood).sum() + 0.5 * log_temperature**2) / float(weight.sum())

    best = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(best.x))
