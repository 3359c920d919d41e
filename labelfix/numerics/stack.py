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
from scipy.special import logsumexp

from labelfix.data.arrays import Floats
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.row_blocks import row_blocks

HIGHEST = 1.5
"""No member counts for more than this."""

PRECISION, STEPS = 1e-6, 50
"""Precision of β, and Newton steps at most."""

STRENGTH = 5.0
"""The pull towards equal shares, in trusted rows."""


def fit_stack(log_members: Floats, truth: npt.NDArray[np.int64], weights: Floats) -> Floats:
    """β: mean out-of-fold negative log-likelihood + (5/M) Σ (β_j − 1/J)², minimised.

    Args:
        log_members: `(J, M, K)` log f_j of trusted rows by members that have not seen them, temperature scaled.
        truth: `(M,)` trusted labels.
        weights: `(M,)` how much each row counts, 1 in the mean.

    Returns:
        `(J,)` in [0, 1.5].
    """
    members, rows = log_members.shape[:2]
    equal = np.full(members, 1 / members)

    def loss(beta: Floats) -> tuple[float, Floats, Floats]:
        value = STRENGTH / rows * float(((beta - equal) ** 2).sum())
        slope, curvature = 2 * STRENGTH / rows * (beta - equal), 2 * STRENGTH / rows * np.eye(members)
        for part in row_blocks(rows, members * log_members.shape[2]):
            said, own, weight = log_members[:, part], truth[part], weights[part]
            scores = np.tensordot(beta, said, axes=1)
            log_p = scores - logsumexp(scores, axis=1, keepdims=True)
            p, at = np.exp(log_p), np.arange(len(own))
            gaps = said - (p * said).sum(axis=2, keepdims=True)
            value -= float((weight * log_p[at, own]).sum()) / rows
            slope -= (weight * gaps[:, at, own]).sum(axis=1) / rows
            flat = gaps.reshape(members, -1)
            curvature += (flat * (weight[:, None] * p).reshape(-1)) @ flat.T / rows
        return value, slope, curvature

    # Projected Newton: those at a bound that the slope holds there stay, the others take Newton's step.
    beta, (value, slope, curvature) = equal, loss(equal)
    for _ in range(STEPS):
        free = ~(((beta <= 0) & (slope > 0)) | ((beta >= HIGHEST) & (slope < 0)))
        move = np.zeros(members)
        move[free] = np.linalg.solve(curvature[np.ix_(free, free)], -slope[free])
        if np.abs(move).max(initial=0.0) < PRECISION:
            break
        for length in 0.5 ** np.arange(20):
            after = np.clip(beta + length * move, 0, HIGHEST)
            found = loss(after)
            if found[0] <= value:
                break
        moved = float(np.abs(after - beta).max())
        beta, (value, slope, curvature) = after, found
        if moved < PRECISION:
            break
    return beta


def merge(heads: Sequence[LinearHead], factors: Sequence[float]) -> LinearHead:
    """The head with logits Σ_j factor_j · logits_j."""
    weight = sum((h.weight * f for h, f in zip(heads, factors, strict=True)), start=heads[0].weight * 0)
    bias = sum((h.bias * f for h, f in zip(heads, factors, strict=True)), start=heads[0].bias * 0)
    return LinearHead(weight, bias)
