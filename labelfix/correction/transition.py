"""The transition matrix T: rows are true classes, columns given ones, T[c, j] = P(y' = j | y = c).

Legend: M trusted rows, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import UNLABELLED, Codes

Matrix = npt.NDArray[np.float64]

FLOOR = 1e-4
"""No entry of a transition matrix is below this, so that its logarithm stays usable."""

PAIR_STRENGTH = 4.0
"""The expected matrix counts as this many pairs a class beside the pairs that were seen."""


def expected_transition(truth: Codes, given_probabilities: npt.NDArray[np.floating], num_classes: int) -> Matrix:
    """T0 from trusted rows without given labels: GLC's estimate, shrunk.

    T0[c] = (Σ over trusted rows of class c of n(·|x) + ½π + ½e_c) / (n_c + 1), with n(y'|x) a model of the given
    label, π its mean over the trusted rows and e_c the unit vector: a class without trusted rows gets half its
    own label and half the overall shares. Source: Hendrycks et al., NeurIPS 2018 (the mean), with a prior of one row.

    Args:
        truth: `(M,)` trusted labels in 0..K-1.
        given_probabilities: `(M, K)` n(y'|x) of the trusted rows, by a model that has not seen them.
        num_classes: K.

    Returns:
        `(K, K)`, rows sum to 1, entries at least about `FLOOR`.
    """
    member = np.eye(num_classes)[truth]
    overall = given_probabilities.mean(axis=0)
    sums = member.T @ given_probabilities + 0.5 * overall + 0.5 * np.eye(num_classes)
    return normalised(sums / (member.sum(axis=0)[:, None] + 1))


def paired_transition(truth: Codes, paired_given: Codes, expected: Matrix) -> Matrix:
    """T_p from trusted rows whose given label is known: pair counts + 4·T0, normalised.

    Args:
        truth: `(M,)` trusted labels.
        paired_given: `(M,)` given labels, -1 where there is none; such rows do not count.
        expected: `(K, K)` T0.
    """
    counts = np.zeros_like(expected)
    paired = paired_given != UNLABELLED
    np.add.at(counts, (truth[paired], paired_given[paired]), 1.0)
    return normalised(counts + PAIR_STRENGTH * expected)


def normalised(matrix: Matrix) -> Matrix:
    """The matrix with entries clipped from below at `FLOOR` of their row and rows summing to 1."""
    shares = matrix / matrix.sum(axis=1, keepdims=True)
    clipped = np.maximum(shares, FLOOR)
    return np.asarray(clipped / clipped.sum(axis=1, keepdims=True), dtype=np.float64)
