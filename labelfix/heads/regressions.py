"""Logistic regressions of the same labels on the same features, side by side, each with its r and without one fold.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from labelfix.numerics.head_losses import cross_entropy_of
from labelfix.numerics.linear_heads import LinearHead, Scaling, minimise_all, searched_at_once

NO_FOLD = -1
"""The fold to name where nothing is left out."""

RidgeAndFold = tuple[float, int]
"""r of a head, and the fold that it does not learn from."""


@dataclass(frozen=True)
class Regressions:
    """The data and the search that all fits share.

    Attributes:
        features: `(N, D)`.
        labels: `(N,)`.
        of: `(N,)` the fold of each row, from 0.
        towards: The head that weights are drawn to; None for 0.
        iterations: See `minimise`.
        tolerance: See `minimise`.
        scalings: r → coordinates of its fits, filled as needed.
    """

    features: Tensor
    labels: Tensor
    of: Tensor
    num_classes: int
    towards: LinearHead | None = None
    iterations: int = 100
    tolerance: float = 1e-6
    scalings: dict[float, Scaling] = field(default_factory=dict, init=False, compare=False, repr=False)

    def fit(self, asked: Sequence[RidgeAndFold], starts: Sequence[LinearHead]) -> list[LinearHead]:
        """The heads, fitted as many at a time as pays."""
        size = searched_at_once(self.num_classes)
        groups = [slice(first, first + size) for first in range(0, len(asked), size)]
        return [head for group in groups for head in self._side_by_side(asked[group], starts[group])]

    def zeros(self) -> LinearHead:
        """A head of zeros, to start from."""
        return LinearHead.zeros(self.num_classes, self.features.shape[1])

    def left_out_losses(self, head: LinearHead, fold: int) -> Tensor:
        """`(n,)` −log P of the labels of a fold's rows by a head that did not learn them."""
        inside = self.of == fold
        return -head.log_probabilities(self.features[inside]).gather(1, self.labels[inside][:, None])[:, 0]

    @cached_property
    def _offset(self) -> Tensor:
        assert self.towards is not None
        return self.towards.logits(self.features).T

    def _side_by_side(self, asked: Sequence[RidgeAndFold], starts: Sequence[LinearHead]) -> list[LinearHead]:
        ridges = [ridge for ridge, _ in asked]
        for ridge in set(ridges) - self.scalings.keys():
            self.scalings[ridge] = Scaling.of(self.features, ridge, self.num_classes)
        used = torch.stack([self.of != fold for _, fold in asked]).float()
        loss, scalings = cross_entropy_of(self.labels, used), [self.scalings[ridge] for ridge in ridges]
        search = self.iterations, self.tolerance
        if self.towards is None:
            return minimise_all(self.features, loss, ridges, starts, scalings, *search)
        towards, offset = self.towards, self._offset

        def beside(logits: Tensor, part: slice, which: Tensor) -> tuple[Tensor, Tensor]:
            return loss(logits + offset[:, part], part, which)

        moved = minimise_all(
            self.features, beside, ridges, [start.plus(towards, -1) for start in starts], scalings, *search
        )
        return [head.plus(towards) for head in moved]
