"""The stack of cross-fitted heads: one head, in full and without each fold, with shares that trusted rows choose.

Legend: J heads that are stacked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelfix.data.arrays import Floats
from labelfix.heads.folds import CrossFitted, out_of_fold
from labelfix.heads.rows import FitRows
from labelfix.numerics.stack import fit_stack, merge


def stacked(members: Sequence[CrossFitted], rows: FitRows) -> tuple[CrossFitted, Floats]:
    """Stack heads; the shares of the stack without a fold are fitted on the rows of the other folds.

    Args:
        members: Heads fitted to the rows, over the same folds.

    Returns:
        The stack, and `(J,)` the shares in its full head.
    """
    truth, held = rows.truth.numpy(), np.stack([member.held for member in members])
    uses = np.arange(len(truth)), *(rows.folds.outside(fold) for fold in range(rows.folds.count))
    beta, *others = (fit_stack(held[:, use], truth[use], rows.folds.weights[use]) for use in uses)
    full = merge([member.full for member in members], list(beta))
    without = tuple(merge([m.without[fold] for m in members], list(shares)) for fold, shares in enumerate(others))
    of_rows, ones = out_of_fold(without, rows.folds, rows.clean), np.ones(len(without) + 1)
    return CrossFitted(full, without, of_rows, rows.folds.of, ones), beta
