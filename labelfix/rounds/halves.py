"""Which trusted rows may have a part in the features, and which judge what comes of them.

Features that were learned from labels that a trusted row had helped to make know that row, however indirectly: a fit
on them judged by all trusted rows called corrected labels right five points too often. So a random half teaches, and
the other half, which no feature has seen, chooses, calibrates, judges and guarantees.

Legend: M trusted rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.correctors.contract import Problem
from labelfix.heads.folds import FOLDS, cut

LEAST = 20
"""With fewer trusted rows than this that judge, half of them would tell nothing."""


def taught_rows(problem: Problem) -> npt.NDArray[np.bool_]:
    """`(M,)` True for rows that teach: half of those that judge, of each fold and class, and all that `next` chose.

    Args:
        problem: What the run on fixed features was fitted to.
    """
    # Folds are dealt out in the same order, so that each of them has rows of both halves.
    half = cut(problem.truth, problem.seed, 2 * FOLDS).of < FOLDS
    return half | ~problem.judges


def enough(problem: Problem) -> bool:
    """Whether there are trusted rows enough to teach and to judge."""
    return int(problem.judges.sum()) >= LEAST
