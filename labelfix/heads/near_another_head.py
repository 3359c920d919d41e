"""A head of the trusted rows that stays near another one: fine-tuning where the problem is convex.

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
"""Candidates for r: from hardly moving to hardly held."""

EARLY = 1e-3
"""Tolerance of fits of very many classes: trusted rows, few of each, are the likelier out of fold the sooner it ends
(docs/experiments.md)."""


def fit_around(rows: FitRows, around: LinearHead) -> CrossFitted:
    """Fit it, with r by the likelihood of trusted rows out of fold.

    Args:
        rows: The data; noisy rows are not used.
        around: W₀, which has not seen the trusted rows.
    """
    return likeliest(drawn_to(rows, around, RIDGES), rows.truth.numpy())[1]


def drawn_to(rows: FitRows, towards: LinearHead, ridges: Sequence[float]) -> list[CrossFitted]:
    """Heads of the trusted rows whose weights are drawn to those of another, as strongly as each r says.

    Of very many classes the loosest r alone is tried, and the search ends early, which holds a head as well.

    Args:
        rows: The data; noisy rows are not used.
        ridges: r, rising. Where no choice among the heads so far, of all rows or of all folds but one, falls on the
            last one, a larger r is not tried: the looser a fit, the longer its search.
    """
    truth, count, found, many = rows.truth.numpy(), rows.folds.count, list[CrossFitted](), rows.many_classes
    problem = Regressions(rows.clean, rows.truth, torch.from_numpy(rows.folds.of), rows.num_classes, towards)
    if many:
        problem = replace(problem, tolerance=EARLY)
    for ridge in ridges[-1:] if many else ridges:
        (full,) = problem.fit([(ridge, NO_FOLD)], [towards])
        # What ends early must not begin at what has seen the fold.
        without = problem.fit([(ridge, fold) for fold in range(count)], [towards if many else full] * count)
        found.append(calibrated(full, without, rows.folds, rows.clean, truth))
        if len(found) - 1 not in likeliest_of_each(found, truth):
            break
    return found
