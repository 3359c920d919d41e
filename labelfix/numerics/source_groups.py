"""Which sources go wrong together, so that none of them counts for more than it knows.

Two sources that both speak of a row agree more often than their own transition matrices explain where one is copied
from the other, or where both fail on the same rows. The surplus, as a share of the most there could be, is

    r_st = (A_st − A⁰_st) / (1 − A⁰_st)

with A the share of such rows on which both say the same and A⁰ what it would be if they erred independently of each
other: 1 for a copy, 0 for strangers. It is shrunk towards 0 by the rows that it rests on. Each source then weighs
1 / (1 + Σ_t r_st²): a source and its copy weigh half each, so that both together say what one does.

Legend: N rows, S sources, K classes.
"""

from __future__ import annotations

import numpy as np

from labelfix.numerics.source_terms import Floats, Spoken

FEW = 20.0
"""A surplus on so many rows is halved."""


def surplus(spoken: Spoken, shares: Floats, transitions: Floats) -> tuple[Floats, Floats]:
    """r and the rows of which both of a pair speak, `(S, S)` each, with zeros on the diagonal of r.

    Args:
        spoken: The opinions of some rows.
        shares: `(N, K)` how likely each class is of each row.
        transitions: `(S, K, K + 1)` T.
    """
    present = (spoken.speaks > 0).astype(np.float64)
    both = np.asarray((present.T @ present).todense())
    same = np.zeros_like(both)
    expected = np.zeros_like(both)
    classes = spoken.classes
    speech = transitions[:, :, :-1] / np.maximum(transitions[:, :, :-1].sum(axis=2, keepdims=True), 1e-12)
    sources = len(both)
    for c in range(classes):
        of_label = (spoken.says[:, np.arange(sources) * classes + c] > 0).astype(np.float64)
        same += np.asarray((of_label.T @ of_label).todense())
        weighted = present.multiply(shares[:, [c]]).tocsr()
        expected += np.asarray((weighted.T @ present).todense()) * (speech[:, c] @ speech[:, c].T)
    more = np.maximum(both, 1)
    found = (same - expected) / np.maximum(more - expected, 1e-9)
    found = np.clip(found, 0, 1) * both / (both + FEW)
    np.fill_diagonal(found, 0)
    return found, both


def source_weights(found: Floats) -> Floats:
    """`(S,)` w.

    Args:
        found: `(S, S)` r.
    """
    return np.asarray(1 / (1 + (found**2).sum(axis=1)))
