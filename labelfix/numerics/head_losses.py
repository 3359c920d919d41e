"""Losses of heads and their gradients with respect to the logits, which are written out.

Legend: N rows, n of them at a time, K classes, B problems, b of them at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Residual = Callable[[Tensor, slice, Tensor], tuple[Tensor, Tensor]]
"""Logits `(b, K, n)` of some problems, which rows they are, `(b,)` which problems → `(b,)` float64 losses, and their
gradient with respect to the logits."""

ROWS = slice(None)
"""All rows."""

FIRST = torch.zeros(1, dtype=torch.int64)
"""The only problem where there is one."""


def cross_entropy_to(soft: Tensor, weights: Tensor) -> Residual:
    """Σ_i ω_i CE(q_i, softmax(z_i)).

    Args:
        soft: `(N, K)` targets q, rows sum to 1; or `(B, N, K)`.
        weights: `(N,)` ω; or `(B, N)`.
    """
    targets = soft.mT.contiguous()

    def residual(logits: Tensor, rows: slice = ROWS, which: Tensor = FIRST) -> tuple[Tensor, Tensor]:
        shifted, p, log_total = _softmax(logits)
        q, weight = _part(targets, 2, which, rows), _part(weights, 1, which, rows)
        value = (weight * (log_total - (q * shifted).sum(dim=1))).sum(dim=1, dtype=torch.float64)
        return value, p.sub_(q).mul_(weight[:, None])

    return residual


def cross_entropy_of(labels: Tensor, weights: Tensor) -> Residual:
    """The same for targets that are labels, which need no `(N, K)` array.

    Args:
        labels: `(N,)`.
        weights: `(N,)` ω; or `(B, N)`.
    """

    def residual(logits: Tensor, rows: slice = ROWS, which: Tensor = FIRST) -> tuple[Tensor, Tensor]:
        shifted, p, log_total = _softmax(logits)
        weight, at = _part(weights, 1, which, rows), labels[rows].expand(len(logits), 1, -1)
        value = (weight * (log_total - shifted.gather(1, at)[:, 0])).sum(dim=1, dtype=torch.float64)
        slope = p.mul_(weight[:, None])
        return value, slope.scatter_add_(1, at, -weight[:, None].expand(at.shape))

    return residual


def forward_likelihood(matrix: Tensor, labels: Tensor, weights: Tensor) -> Residual:
    """−Σ_i ω_i log Σ_y softmax(z_i)_y P(y'_i | y): GLC's loss.

    Args:
        matrix: `(K, J)` P(y' | y) of J things that may be known of a row, rows = true class; or `(B, K, J)`. What is
            nearer to 0 than 1e-30 counts as that. Trusted labels are columns of the identity.
        labels: `(N,)` which of them is known of each row.
        weights: `(N,)` ω; or `(B, N)`.
    """
    columns = matrix.clamp_min(1e-30)

    def residual(logits: Tensor, rows: slice = ROWS, which: Tensor = FIRST) -> tuple[Tensor, Tensor]:
        _, p, _ = _softmax(logits)
        weight, own = _part(weights, 1, which, rows), _part(columns, 2, which, ROWS)
        joint = p * own.index_select(2, labels[rows])
        evidence = joint.sum(dim=1, keepdim=True)
        value = -(weight * evidence[:, 0].log()).sum(dim=1, dtype=torch.float64)
        return value, p.sub_(joint.div_(evidence)).mul_(weight[:, None])

    return residual


def _softmax(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For logits `(b, K, n)`: logits less their maximum, probabilities, and `(b, n)` log-sum-exp of the former."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    p = shifted.exp()
    total = p.sum(dim=1, keepdim=True)
    return shifted, p.div_(total), total[:, 0].log()


def _part(values: Tensor, dimensions: int, which: Tensor, rows: slice) -> Tensor:
    """Some rows, the last dimension, of some problems, the first one; what all problems share comes once."""
    if values.dim() == dimensions:
        return values[None, ..., rows]
    part = values[..., rows]
    return part if len(which) == len(values) else part[which]
