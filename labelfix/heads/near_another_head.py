"""A head fitted to the trusted rows that stays near another one: fine-tuning as a convex problem.

    argmin over (W, b) of Σ_trusted CE(y, softmax(W h + b)) + ‖W − W₀‖² / 2r

Legend: M trusted rows, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from labelfix.heads.folds import CrossFitted, calibrated, likeliest, likeliest_of_each
from labelfix.heads.regressions import NO_FOLD, Regressions
from labelfix.heads.rows import FitRows
from labelfix.numerics.linear_heads import LinearHead

RIDGES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Candidates for r, from hardly moving to hardly held: decades, so that the best is within a factor of three."""

EARLY = 1e-3
"""Tolerance where classes are very many: with few trusted rows of each, stopping early makes them likelier out of fold
(docs/experiments.md)."""


def fit_around(rows: FitRows, around: LinearHead) -> CrossFitted:
    """Fit it, with the r that makes trusted rows likeliest out of fold.

    Args:
        around: W₀, which has not seen the trusted rows.
    """
    return likeliest(drawn_to(rows, around, RIDGES), rows.truth.numpy())[1]


def drawn_to(rows: FitRows, towards: LinearHead, ridges: Sequence[float]) -> list[CrossFitted]:
    """Heads fitted to the trusted rows whose weights are drawn towards another head's, one for each r.

    Where classes are very many only the loosest r is tried, and stopping early regularises as well.

    Args:
        towards: The head that weights are drawn to.
        ridges: r, rising. The larger ones are not tried once the last one tried is chosen nowhere, neither for all rows
            nor without a fold: the looser a fit, the longer its search.
    """
    truth, count, fits, many = rows.truth.numpy(), rows.folds.count, list[CrossFitted](), rows.many_classes
    problem = Regressions(rows.clean, rows.truth, torch.from_numpy(rows.folds.of), rows.num_classes, towards)
    if many:
        problem = replace(problem, tolerance=EARLY)
    for ridge in ridges[-1:] if many else ridges:
        (full,) = problem.fit([(ridge, NO_FOLD)], [towards])
        # What ends early must not begin at what has seen the fold.
        without = problem.fit([(ridge, fold) for fold in range(count)], [towards if many else full] * count)
        fits.append(calibrated(full, without, rows.folds, rows.clean, truth))
        if len(fits) - 1 not in likeliest_of_each(fits, truth):
            break
    return fits
