"""Which trusted rows may have a part in the features, and which judge what comes of them.

Features that were learned from labels that a trusted row had helped to make know that row, however indirectly: in a
prototype a fit on them judged by all trusted rows called corrected labels right five points too often. So a random part
of them teaches a second encoder; the others, which none of its features has seen, judge what is fitted to these, and
that fit speaks for the one whose encoder all of them taught.

Legend: M trusted rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.correctors.contract import Problem
from labelfix.heads.folds import cut_folds

LEAST = 54
"""With fewer trusted rows than this that may judge, fewer than twenty would be left to, and the run could not say
how many labels are right. With 45 of them and 330 photos a fit was kept whose soft labels were worse."""

PARTS, JUDGE = 16, (1, 4, 7, 10, 13, 15)
"""Parts of the trusted rows, and those that judge; the others teach. They lie far apart, because a class may have rows
in a few parts only, and some are in each of the folds, which are every fourth of the parts.

By half of 200 rows the soft labels that an encoder learns are right in 72 (TREC) and 84 (NoisyAG-News) of 100 cases, by
five eighths in 75 and 85, by all in 78 and 87."""


def taught_rows(problem: Problem) -> npt.NDArray[np.bool_]:
    """`(M,)` True for rows that teach: five eighths of each fold and class, and all that `next` chose."""
    return ~np.isin(cut_folds(problem.truth, problem.seed, PARTS).of, JUDGE) | ~problem.judges


def refused(problem: Problem) -> str:
    """Why nothing can be learned, for a person; empty where it can."""
    judging = int(problem.judges.sum())
    few = f"{judging} trusted rows are too few to learn features and to judge them ({LEAST} or more)"
    return few if judging < LEAST else ""
