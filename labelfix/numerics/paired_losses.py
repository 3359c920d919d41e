"""What the same rows lose by one fit and by another.

Legend: R rows.
"""

from __future__ import annotations

import numpy as np

from labelfix.data.arrays import Floats


def surely_more(losses: Floats, others: Floats, errors: float = 1.0) -> bool:
    """Whether the mean loss by one fit exceeds that by another by more than its standard error.

    Args:
        losses: `(R,)` by the one.
        others: `(R,)` by the other.
        errors: How many standard errors it takes.
    """
    gain = losses - others
    return bool(len(gain) > 1 and gain.mean() > errors * gain.std(ddof=1) / np.sqrt(len(gain)))
