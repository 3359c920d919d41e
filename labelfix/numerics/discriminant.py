"""Linear discriminants: classes as Gaussians of one covariance, which need no search.

    W_c = Σ⁻¹ μ_c,   b_c = −½ μ_cᵀ Σ⁻¹ μ_c + log π_c

with Σ the covariance within classes, shrunk towards a multiple of the identity, and μ_c shrunk by one row towards the
mean of all. All of it follows from sums over rows: what rows add is taken out again by subtracting their sums.

Source: Friedman, "Regularized Discriminant Analysis", JASA 1989.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from labelfix.numerics.linear_heads import LinearHead


@dataclass(frozen=True)
class Moments:
    """Sums over rows.

    Attributes:
        sums: `(K, D)` float64 of the features of each class.
        weight: `(K,)` float64 how many rows that are.
        scatter: `(D, D)` float64 Σ x xᵀ over all rows.
    """

    sums: Tensor
    weight: Tensor
    scatter: Tensor

    @classmethod
    def of(cls, features: Tensor, labels: Tensor, num_classes: int) -> Moments:
        """The moments of labelled rows: `(N, D)` features and `(N,)` labels."""
        sums = torch.zeros(num_classes, features.shape[1], dtype=torch.float64)
        weight = torch.bincount(labels, minlength=num_classes).double()
        return cls(sums.index_add_(0, labels, features.double()), weight, (features.T @ features).double())

    def plus(self, other: Moments, factor: float = 1.0) -> Moments:
        """The moments of these and other rows, the others weighted by a factor."""
        return Moments(
            self.sums + factor * other.sums, self.weight + factor * other.weight, self.scatter + factor * other.scatter
        )

    def head(self, shrinkage: float) -> LinearHead:
        """The discriminants; `shrinkage` of the mean variance of all rows is added to that of every direction."""
        total, classes = self.weight.sum(), len(self.weight)
        means = (self.sums + self.sums.sum(dim=0) / total) / (self.weight[:, None] + 1)
        between = self.sums / self.weight.clamp_min(1e-9).sqrt()[:, None]
        within = (self.scatter - between.T @ between) / total
        within.diagonal().add_(shrinkage * self.scatter.trace() / total / len(within) + 1e-12)
        weight = torch.cholesky_solve(means.T, torch.linalg.cholesky(within)).T
        bias = ((self.weight + 1) / (total + classes)).log() - (weight * means).sum(dim=1) / 2
        return LinearHead(weight.float().contiguous(), bias.float())
