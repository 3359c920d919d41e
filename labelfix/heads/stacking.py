"""The stack of cross-fitted heads: one head, in full and without each fold, with shares that trusted rows choose.

Legend: J members.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelfix.data.arrays import Floats
from labelfix.heads.folds import CrossFitted, out_of_fold
from labelfix.heads.rows import FitRows
from labelfix.numerics.stack import fit_stack, merge


def stacked(members: Sequence[CrossFitted], rows: FitRows) -> tuple[CrossFitted, Floats]:
    """Stack them; the shares without a fold are those that the rows of the other folds choose.

    Args:
        members: Fitted to the rows, over the same folds.

    Returns:
        The stack, and `(J,)` the shares in its full head.
    """
    truth, held = rows.truth.numpy(), np.stack([each.held for each in members])
    uses = np.arange(len(truth)), *(rows.folds.outside(fold) for fold in range(rows.folds.count))
    beta, *others = (fit_stack(held[:, use], truth[use]) for use in uses)
    full = merge([each.full for each in members], list(beta))
    without = tuple(merge([each.without[k] for each in members], list(own)) for k, own in enumerate(others))
    of_rows, ones = out_of_fold(without, rows.folds, rows.clean), np.ones(len(without) + 1)
    return CrossFitted(full, without, of_rows, rows.folds.of, ones), beta
