"""A head of the trusted rows that stays near another one: fine-tuning where the problem is convex.

    argmin over (W, b) of Σ_trusted CE(y, softmax(W h + b)) + ‖W − W₀‖² / 2r

Legend: M trusted rows, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from labelfix.heads.folds import CrossFitted, calibrated, likeliest
from labelfix.heads.regressions import NO_FOLD, Regressions
from labelfix.heads.rows import FitRows
from labelfix.numerics.linear_heads import LinearHead

RIDGES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Candidates for r: from hardly moving to hardly held."""


def fit_around(rows: FitRows, around: LinearHead) -> CrossFitted:
    """Fit it, with r by the likelihood of trusted rows out of fold.

    Args:
        rows: The data; noisy rows are not used.
        around: W₀, which has not seen the trusted rows.
    """
    return likeliest(drawn_to(rows, around, RIDGES), rows.truth.numpy())[1]


def drawn_to(rows: FitRows, towards: LinearHead, ridges: Sequence[float]) -> list[CrossFitted]:
    """Heads of the trusted rows whose weights are drawn to those of another, as strongly as each r says."""
    truth, count = rows.truth.numpy(), rows.folds.count
    problem = Regressions(rows.clean, rows.truth, torch.from_numpy(rows.folds.of), rows.num_classes, towards)
    full = problem.fit([(ridge, NO_FOLD) for ridge in ridges], [towards] * len(ridges))
    asked = [(ridge, fold) for ridge in ridges for fold in range(count)]
    without = problem.fit(asked, [head for head in full for _ in range(count)])
    return [
        calibrated(head, without[i * count : (i + 1) * count], rows.folds, rows.clean, truth)
        for i, head in enumerate(full)
    ]
