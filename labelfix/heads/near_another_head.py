"""A head of the trusted rows that stays near another one: fine-tuning where the problem is convex.

    argmin over (W, b) of Σ_trusted CE(y, softmax(W h + b)) + ‖W − W₀‖² / 2r

Legend: M trusted rows, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from labelfix.data.tables import Codes
from labelfix.heads.folds import CrossFitted, cross_fit, likeliest
from labelfix.heads.rows import Rows
from labelfix.numerics.linear_heads import LinearHead, Scaling, cross_entropy_to, minimise

RIDGES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Candidates for r: from hardly moving to hardly held."""


def fit_around(rows: Rows, around: LinearHead) -> CrossFitted:
    """Fit it, with r by the likelihood of trusted rows out of fold.

    Args:
        rows: The data; noisy rows are not used.
        around: W₀, which has not seen the trusted rows.
    """
    truth, base, targets = rows.truth.numpy(), around.logits(rows.clean).T, rows.one_hot(rows.truth)
    still = LinearHead.zeros(rows.num_classes, rows.clean.shape[1])
    candidates = []
    for ridge in RIDGES:
        scaling = Scaling.of(rows.clean, ridge, rows.num_classes)

        def fit(
            use: Codes, _: int | None, __: LinearHead | None, ridge: float = ridge, scaling: Scaling = scaling
        ) -> LinearHead:
            weights = torch.zeros(len(targets))
            weights[torch.from_numpy(use)] = 1
            plain = cross_entropy_to(targets, weights)

            def residual(logits: Tensor, part: slice, which: Tensor) -> tuple[Tensor, Tensor]:
                return plain(logits + base[:, part], part, which)

            moved = minimise(rows.clean, residual, ridge, still, scaling=scaling)
            return LinearHead(around.weight + moved.weight, around.bias + moved.bias)

        candidates.append(cross_fit(fit, rows.folds, rows.clean, truth))
    return likeliest(candidates, truth)[1]
