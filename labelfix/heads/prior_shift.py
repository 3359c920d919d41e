"""What a head on trusted rows alone has to be told where these were drawn per class or per given label.

Of a rare class as many rows are trusted as of a frequent one, and the head takes it for as likely. Added to its logits
is log π/ρ, with the shares π of the classes and ρ of their trusted rows: of a logistic regression nothing else depends
on how the classes were drawn (Prentice and Pyke, Biometrika 1979). Trusted rows of frequent classes weigh no more than
others: they are few, and then fewer count.

Legend: K classes.
"""

from __future__ import annotations

import numpy as np

from labelfix.correctors.contract import Problem
from labelfix.data.arrays import Floats
from labelfix.data.labels.class_shares import weighted
from labelfix.data.labels.noise_rate import covered, pair_counts
from labelfix.data.tables import UNLABELLED

PAIRS = 20
"""With fewer the shares of the given labels stand for π."""

NOTHING = 3.0
"""Where π/ρ of no two classes differ by this factor, trusted rows stay as they are: π is an estimate, too."""

MOST = 50.0
"""π/ρ and its inverse at most."""


def prior_shift(problem: Problem) -> Floats | None:
    """`(K,)` log π/ρ, 0 for classes without trusted rows; None where trusted rows are as frequent as their classes."""
    if problem.sampling not in ("per-class", "per-label"):
        return None
    drawn = np.bincount(problem.truth, minlength=problem.num_classes)
    ratio = np.divide(_shares(problem), drawn / drawn.sum(), out=np.ones(len(drawn)), where=drawn > 0)
    found = np.clip(ratio, 1 / MOST, MOST)
    seen = found[drawn > 0]
    return np.log(found) if seen.max() > NOTHING * seen.min() else None


def _shares(problem: Problem) -> Floats:
    """`(K,)` π."""
    given = np.bincount(problem.given, minlength=problem.num_classes)
    pairs = problem.judges & (problem.paired_given != UNLABELLED)
    counts = pair_counts(problem.truth[pairs], problem.paired_given[pairs], problem.num_classes)
    if counts.sum() < PAIRS:
        return np.asarray(given / given.sum())
    if problem.sampling == "per-class":
        return weighted(counts, given).shares
    checked = counts.sum(axis=0)
    if not covered(checked, given):
        return np.asarray(counts.sum(axis=1) / counts.sum())
    found = counts / np.maximum(checked, 1) @ np.where(checked > 0, given, 0)
    return np.asarray(found / found.sum())
