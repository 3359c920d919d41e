"""The confidence from which a label is changed, where the user does not say.

With pairs it is a mean over candidates: each counts by how near it is to the usual value, and by how many more, or
fewer, labels of the pairs it leaves right,

    w_t ∝ exp(−|t − 0.6| / REACH)·exp(STEP·(right_t − right_0.6)),   threshold = 0.6 + Σ w_t t − Σ w⁰_t t,

with w⁰ the weights where no candidate gains. A row more or less moves every weight a little, where the best candidate
would jump; with many rows the best one wins.

Source: aggregation by exponential weights, Dalalyan and Tsybakov, Machine Learning 2008.

Legend: P pairs, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes

USUAL = 0.6
"""Below this a suggestion is a doubt: measured to leave the mean unchanged and to prevent the bad losses."""

CAUTIOUS, FEW_TRUSTED = 0.9, 20
"""With fewer trusted rows than this in all, nothing below the cautious value is changed."""

CANDIDATES = np.round(np.arange(0.3, 0.951, 0.05), 2)
"""With two classes one has at least a half, so that candidates below are left out. With more classes, the likeliest may
be right more often than the given label at a third already."""

REACH = 0.15
"""How far from the usual value a candidate without a gain still counts, in confidence."""

STEP = 0.3
"""What a pair more that is right is worth: it makes a candidate exp(STEP) times as heavy. Where twenty
suggestions of .3 to .5 turn right one by one, each moves the threshold by .05 at most; at .5 it is .07."""


def choose_threshold(
    trusted: int,
    held: npt.NDArray[np.floating] | None = None,
    given: Codes | None = None,
    truth: Codes | None = None,
    weights: Floats | None = None,
) -> float:
    """The threshold that leaves most corrected labels right, cautious where there is little to go by.

    Args:
        trusted: M, trusted rows in all.
        held: `(P, K)` soft labels of paired trusted rows by models that have not seen them.
        given: `(P,)` their given labels.
        truth: `(P,)` their trusted labels.
        weights: `(P,)` how much each counts; alike by default.

    Returns:
        From 0.3 (with two classes 0.5) to 0.95, to two digits; 0.6 without pairs, 0.9 with fewer than twenty trusted
        rows.
    """
    if trusted < FEW_TRUSTED:
        return CAUTIOUS
    if held is None or given is None or truth is None or not len(truth):
        return USUAL
    candidates = CANDIDATES if held.shape[1] > 2 else CANDIDATES[CANDIDATES >= 0.5]
    suggested, confidence = held.argmax(axis=1), held.max(axis=1)
    changed = confidence[:, None] >= candidates
    each = np.where(changed, suggested[:, None], given[:, None]) == truth[:, None]
    right = each.sum(axis=0) if weights is None else weights @ each
    gain = right - right[candidates == USUAL]
    mean = USUAL + _mean(candidates, STEP * gain) - _mean(candidates, np.zeros(len(candidates)))
    return round(float(np.clip(mean, candidates[0], candidates[-1])), 2)


def _mean(candidates: Floats, score: Floats) -> float:
    """The mean candidate, each counted by its score and its distance from the usual one."""
    score = score - np.abs(candidates - USUAL) / REACH
    weights = np.exp(score - score.max())
    return float(weights @ candidates / weights.sum())
