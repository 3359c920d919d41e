"""How much trusted rows count where these were drawn per class or per given label.

Of a rare class as many rows are trusted as of a frequent one, and whatever is fitted to them or chosen by them takes it
for as likely. So each counts π/ρ, with the shares π of the classes and ρ of their trusted rows: in the labels that
heads learn, in temperatures, shares of the stack, the meta objective, the trust in given labels and the calibration.

Only the head on trusted rows alone counts them alike, as they are few and then fewer would count. Added to its logits
is log π/ρ: of a logistic regression nothing else depends on how the classes were drawn (Prentice and Pyke, Biometrika
1979).

Legend: M trusted rows, K classes.
"""

from __future__ import annotations

import numpy as np

from labelfix.correctors.contract import Problem
from labelfix.data.arrays import Floats
from labelfix.data.labels.class_shares import weighted
from labelfix.data.labels.noise_rate import covered, pair_counts
from labelfix.data.tables import UNLABELLED, Codes
from labelfix.numerics.linear_heads import SIDE_BY_SIDE

PAIRS = 20
"""With fewer the shares of the given labels stand for π."""

NOTHING = 3.0
"""Where π/ρ of no two classes differ by this factor, trusted rows stay as they are: π is an estimate, too."""

MOST = 50.0
"""π/ρ and its inverse at most."""

DOUBT = 2.0
"""log π/ρ is drawn to 0 by this many times the share of its variance that is error: where half the labels are wrong, 25
pairs of each of five classes make π/ρ from .3 to 2.6 of one that is from .7 to 1.4 in truth."""


def class_ratio(problem: Problem) -> Floats | None:
    """`(K,)` π/ρ, 1 for classes without trusted rows; None where trusted rows are as frequent as their classes.

    None as well where classes are so many that nobody can tell.
    """
    if problem.sampling not in ("per-class", "per-label") or problem.num_classes > SIDE_BY_SIDE:
        return None
    drawn = np.bincount(problem.truth, minlength=problem.num_classes)
    seen, of_trusted = drawn > 0, drawn / drawn.sum()
    shares, error = _shares(problem)
    ratio = np.divide(shares, of_trusted, out=np.ones(len(drawn)), where=seen)
    logs = np.log(np.clip(ratio, 1 / MOST, MOST))
    spread = float(of_trusted @ (logs - of_trusted @ logs) ** 2)
    logs *= max(0.0, 1 - DOUBT * float(of_trusted @ error**2) / max(spread, 1e-12))
    return np.exp(logs) if np.ptp(logs[seen]) > np.log(NOTHING) else None


def row_weights(truth: Codes, ratio: Floats | None) -> Floats:
    """`(M,)` how much trusted rows count, with mean 1.

    Args:
        truth: `(M,)` their classes.
    """
    if ratio is None or not len(truth):
        return np.ones(len(truth))
    weights = ratio[truth]
    return np.asarray(weights / weights.mean())


def _shares(problem: Problem) -> tuple[Floats, Floats]:
    """`(K,)` π, and the standard errors of log π where other labels say what it is."""
    given, none = np.bincount(problem.given, minlength=problem.num_classes), np.zeros(problem.num_classes)
    pairs = problem.judges & (problem.paired_given != UNLABELLED)
    counts = pair_counts(problem.truth[pairs], problem.paired_given[pairs], problem.num_classes)
    if counts.sum() < PAIRS:
        return np.asarray(given / given.sum()), none
    if problem.sampling == "per-class":
        found = weighted(counts, given)
        return found.shares, 1 - found.least / np.maximum(found.shares, 1e-12)
    checked = counts.sum(axis=0)
    if not covered(checked, given):
        return np.asarray(counts.sum(axis=1) / counts.sum()), none
    of_labels = counts / np.maximum(checked, 1) @ np.where(checked > 0, given, 0)
    return np.asarray(of_labels / of_labels.sum()), none
