"""Whether trusted rows speak of all rows, and what is assumed of the others where they do not."""

from __future__ import annotations

import numpy as np

from labelfix.correctors.contract import Problem
from labelfix.data.arrays import Floats
from labelfix.data.labels.noise_rate import covered
from labelfix.data.labels.otherwise import NO_MORE, beyond_chance
from labelfix.data.tables import UNLABELLED, Codes, Probabilities
from labelfix.evidence.calibrate import Calibrated
from labelfix.evidence.judges_answers import ASSUMED

UNCHECKED = 0.05
"""Of the rows may be of classes that no trusted row is of, where these were drawn per class, and figures are of all."""

BY_CHANCE = 0.01
"""A class without a trusted row was left out, not missed, where fewer random draws have none of its labels."""

LESS = -2.0
"""Standard errors: trusted rows whose labels are the same less often than that were picked among the wrong ones."""


def of_other_rows(problem: Problem) -> str:
    """What to say where trusted labels are the given ones no more often than by chance; empty elsewhere."""
    pairs = problem.judges & (problem.paired_given != UNLABELLED)
    beyond = beyond_chance(problem.truth[pairs], problem.paired_given[pairs])
    if beyond is None or not LESS < beyond < NO_MORE:
        return ""
    return "your labels and the given ones are the same no more often than by chance, as if they were of other rows"


def why_not_all(problem: Problem, found: Calibrated, soft: Probabilities | None = None) -> str:
    """Why the trusted rows say nothing of all rows, for a person; empty where they do.

    Args:
        soft: `(n, K)` soft labels of some noisy rows: of which classes they are.
    """
    if problem.sampling == "picked":
        return "the rows you checked were not drawn at random"
    if problem.sampling == "per-class" and soft is not None:
        checked = np.bincount(found.asked.truth, minlength=problem.num_classes) > 0
        if checked.sum() > 1 and soft[:, ~checked].sum(axis=1).mean() > UNCHECKED:
            return f"you checked rows of {int(checked.sum())} of {problem.num_classes} classes alone"
    if problem.sampling != "per-label":
        return ""
    given = found.asked.given
    pairs = np.bincount(given[given != UNLABELLED], minlength=problem.num_classes)
    of_noisy = np.bincount(problem.given, minlength=problem.num_classes)
    if covered(pairs, of_noisy):
        return ""
    there = int(((of_noisy > 0) | (pairs > 0)).sum())
    return f"you checked rows with {int((pairs > 0).sum())} of {there} given labels alone"


def assumed_of(problem: Problem, found: Calibrated) -> str | None:
    """What p-values and figures take for granted, for a person; None where it is nothing."""
    if not found.asked.paired:
        return ASSUMED
    if why_not_all(problem, found):
        return "other rows are like the trusted ones, which were not drawn at random"
    given = np.concatenate([problem.given, problem.paired_given[problem.paired_given != UNLABELLED]])
    shares = np.bincount(given, minlength=problem.num_classes) / len(given)
    without = np.bincount(problem.truth, minlength=problem.num_classes) == 0
    left_out = int((without & ((1 - shares) ** len(problem.truth) < BY_CHANCE)).sum())
    if not left_out:
        return None
    classes = "the class" if left_out == 1 else f"the {left_out} classes"
    return f"rows of {classes} without a trusted row are labelled as well as the others are"


def as_frequent(labels: Codes, shares: Floats) -> Floats:
    """`(R,)` weights by which rows have each label as often as `shares` `(K,)` says, of mean 1."""
    drawn = np.bincount(labels, minlength=len(shares))
    return (shares / np.maximum(drawn, 1))[labels] * len(labels)
