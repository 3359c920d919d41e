"""Whether trusted labels seem to be about other rows than the given ones, or to name the classes in another order."""

from __future__ import annotations

import numpy as np

from labelfix.data.labels.noise_rate import pair_counts
from labelfix.data.tables import ClassNames, Codes

ENOUGH = 20
"""Pairs from which on it is told."""

MOSTLY, MORE = 0.7, 0.3
"""Another order of the classes explains so large a share of the pairs, and so much more than the order as it is."""

UNEVEN = 0.7
"""Where chance alone makes so many labels the same, that they are not the same more often says nothing."""


def unlike(truth: Codes, given: Codes, classes: ClassNames) -> tuple[str, str] | None:
    """What is odd about pairs of labels, and what to do; None where nothing is.

    Args:
        truth: `(P,)` trusted labels.
        given: `(P,)` given labels of the same rows.
        classes: Their names.
    """
    if len(truth) < ENOUGH or len(set(truth.tolist())) < 2 or len(set(given.tolist())) < 2:
        return None
    # Of very many classes a table of all of them would not fit into memory.
    there, codes = np.unique(np.concatenate([truth, given]), return_inverse=True)
    counts = pair_counts(codes[: len(truth)], codes[len(truth) :], len(there))
    same, rows = counts.trace() / len(truth), f"{int(counts.trace()):,} of {len(truth):,} rows"
    seen = np.flatnonzero(counts.sum(axis=1))
    usual = counts[seen].argmax(axis=1)
    ordered = counts[seen, usual].sum() / len(truth)
    if len(set(usual.tolist())) == len(seen) and (same > 0 or len(seen) > 2) and ordered >= max(MOSTLY, same + MORE):
        names = [classes.name(int(code)) for code in there]
        moved = [(names[t], names[g]) for t, g in zip(seen, usual, strict=True) if t != g]
        shown = ", ".join(f"{trusted} is given as {other}" for trusted, other in moved[:4])
        what = f"trusted and given labels are the same in {rows}, as if the classes had other names: {shown}"
        return what, "if one file numbers its classes in another order, write the same names into both"
    shares = counts.sum(axis=0) @ counts.sum(axis=1) / len(truth) ** 2
    if same > 0 and shares < UNEVEN and same < shares + 0.5 * np.sqrt(shares * (1 - shares) / len(truth)):
        what = f"trusted and given labels are the same in {rows}, no more often than by chance"
        return what, "compare a few by eye: ids may mean other rows in one file, or labels another thing"
    return None
