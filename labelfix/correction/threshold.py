"""The confidence from which a label is changed, where the user does not say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import Codes

USUAL = 0.6
"""Below this a suggestion is a doubt: measured to leave the mean unchanged and to prevent the bad losses."""

CAUTIOUS, FEW_TRUSTED = 0.9, 20
"""With fewer trusted rows than this in all, nothing below the cautious value is changed."""

ENOUGH_PAIRS = 50
"""From so many pairs on, the threshold is chosen on them."""

CANDIDATES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

GAIN = 0.005
"""Another value than the usual one must gain at least this share of right labels."""


def choose_threshold(
    trusted: int,
    held: npt.NDArray[np.floating] | None = None,
    given: Codes | None = None,
    truth: Codes | None = None,
) -> float:
    """The threshold that leaves most corrected labels right, cautious where there is little to go by.

    Args:
        trusted: M, trusted rows in all.
        held: `(P, K)` soft labels of paired trusted rows by models that have not seen them.
        given: `(P,)` their given labels.
        truth: `(P,)` their trusted labels.

    Returns:
        One of 0.5 to 0.95; 0.6 without at least fifty pairs, at least 0.9 with fewer than twenty trusted rows.
    """
    if trusted < FEW_TRUSTED:
        return CAUTIOUS
    if held is None or given is None or truth is None or len(truth) < ENOUGH_PAIRS:
        return USUAL
    suggested, confidence = held.argmax(axis=1), held.max(axis=1)
    right = {t: float((np.where(confidence >= t, suggested, given) == truth).mean()) for t in CANDIDATES}
    best = max(CANDIDATES, key=lambda t: (right[t], -abs(t - USUAL)))
    return best if right[best] >= right[USUAL] + GAIN else USUAL
