"""A stack of softmax-linear classifiers, which is again one softmax-linear classifier.

f_s = softmax(Σ_j β_j log f_j), with β_j in [0, 1.5] fitted on trusted rows by members that had not seen them; for
the stack without a fold, on those of the other folds.
log f_j is f_j's logits up to a constant of the row, so the stack is one linear head with the weighted mean weights.

Legend: M trusted rows, K classes, J members.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp

from labelfix.training.linear import LinearHead

Array = npt.NDArray[np.float64]

HIGHEST = 1.5
"""No member counts for more than this."""

STRENGTH = 5.0
"""The pull towards equal shares, in trusted rows."""


def fit_stack(log_members: Array, truth: npt.NDArray[np.int64]) -> Array:
    """β: mean out-of-fold negative log-likelihood + (5/M) Σ (β_j − 1/J)², minimised.

    Args:
        log_members: `(J, M, K)` log f_j of trusted rows by members that have not seen them, temperature scaled.
        truth: `(M,)` trusted labels.

    Returns:
        `(J,)` in [0, 1.5].
    """
    members, rows = log_members.shape[:2]
    at = np.arange(rows)
    equal = np.full(members, 1 / members)

    def loss(beta: Array) -> tuple[float, Array]:
        scores = np.tensordot(beta, log_members, axes=1)
        log_p = scores - logsumexp(scores, axis=1, keepdims=True)
        gaps = log_members - (np.exp(log_p) * log_members).sum(axis=2, keepdims=True)
        value = -log_p[at, truth].mean() + STRENGTH / rows * ((beta - equal) ** 2).sum()
        slope = -gaps[:, at, truth].mean(axis=1) + 2 * STRENGTH / rows * (beta - equal)
        return float(value), slope

    found = minimize(loss, equal, jac=True, method="L-BFGS-B", bounds=[(0, HIGHEST)] * members)
    return np.asarray(found.x, dtype=np.float64)


def merge(heads: Sequence[LinearHead], factors: Sequence[float]) -> LinearHead:
    """The head with logits Σ_j factor_j · logits_j."""
    weight = sum((h.weight * f for h, f in zip(heads, factors, strict=True)), start=heads[0].weight * 0)
    bias = sum((h.bias * f for h, f in zip(heads, factors, strict=True)), start=heads[0].bias * 0)
    return LinearHead(weight, bias)
