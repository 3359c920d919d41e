"""The transition matrix T: rows are true classes, columns given ones, T[c, j] = P(y' = j | y = c).

Legend: M trusted rows, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Floats
from labelfix.data.tables import UNLABELLED, Codes

FLOOR = 1e-4
"""No entry of a transition matrix is below this, so that its logarithm stays usable."""

PAIR_STRENGTHS = (4.0, 20.0, 60.0, 200.0)
"""A prior counts as one of these numbers of pairs a class beside the pairs that were seen."""

MOST_LABELS, DRAWN = 100, 20
"""With more classes than the first number, this many of the given labels that a row could have had are drawn."""


def expected_transition(truth: Codes, given_probabilities: npt.NDArray[np.floating], num_classes: int) -> Floats:
    """T0 from trusted rows without given labels: GLC's estimate, shrunk.

    T0[c] = (Σ over trusted rows of class c of n(·|x) + ½π + ½e_c) / (n_c + 1), with n(y'|x) a model of the given
    label, π its mean over the trusted rows and e_c the unit vector: a class without trusted rows gets half its
    own label and half the overall shares. Source: Hendrycks et al., NeurIPS 2018 (the mean), with a prior of one row.

    Args:
        truth: `(M,)` trusted labels in 0..K-1.
        given_probabilities: `(M, K)` n(y'|x) of the trusted rows, by a model that has not seen them.

    Returns:
        `(K, K)`, rows sum to 1, entries at least about `FLOOR`.
    """
    sums, rows = np.zeros((num_classes, num_classes)), np.bincount(truth, minlength=num_classes)
    for own, said in zip(truth, given_probabilities, strict=True):
        sums[own] += said
    sums += 0.5 * given_probabilities.mean(axis=0, dtype=np.float64)
    sums.flat[:: num_classes + 1] += 0.5
    sums /= rows[:, None] + 1
    return normalised(sums)


def paired_transition(truth: Codes, paired_given: Codes, expected: Floats) -> Floats:
    """T_p from trusted rows whose given label is known: pair counts + s·prior, normalised.

    The prior is T0, or noise that is the same for all classes at the rate of the pairs; which, and its strength s, by
    the likelihood of the pairs under a Dirichlet prior on each row (empirical Bayes): few pairs of many classes say
    little of where a single class's labels go, and much of how often labels are wrong.

    Args:
        truth: `(M,)` trusted labels.
        paired_given: `(M,)` given labels, -1 where there is none; such rows do not count.
        expected: `(K, K)` T0, rows sum to 1.
    """
    counts = np.zeros_like(expected)
    paired = paired_given != UNLABELLED
    np.add.at(counts, (truth[paired], paired_given[paired]), 1.0)
    priors = [
        (strength, centre)
        for centre in (normalised(expected), normalised(_even(counts)))
        for strength in PAIR_STRENGTHS
    ]
    strength, centre = max(priors, key=lambda prior: _evidence(counts, prior[0] * prior[1]))
    return normalised(counts + strength * centre)


def _even(counts: Floats) -> Floats:
    """Noise that is the same for all classes and to all classes, at the rate of some pairs."""
    classes = len(counts)
    wrong = (counts.sum() - np.trace(counts) + 0.5) / (counts.sum() + 1)
    found = np.full_like(counts, wrong / max(classes - 1, 1))
    np.fill_diagonal(found, 1 - wrong)
    return found


def _evidence(counts: Floats, prior: Floats) -> float:
    """Log-likelihood of pairs whose rows of T are drawn from Dirichlet distributions; a constant is left out."""
    from scipy.special import gammaln  # training alone has to do with it

    rows = gammaln(prior.sum(axis=1)) - gammaln(prior.sum(axis=1) + counts.sum(axis=1))
    seen = counts > 0  # the others add nothing
    return float(rows.sum() + (gammaln(prior[seen] + counts[seen]) - gammaln(prior[seen])).sum())


def possible_labels(truth: Codes, transition: Floats, most: int | None = None) -> tuple[Codes, Codes, Floats]:
    """The given labels that trusted rows could have had, with their probabilities.

    Args:
        truth: `(R,)` trusted labels.
        transition: `(K, K)` T.
        most: Fewer are drawn where Q × K would be above it; None where that does not matter.

    Returns:
        `(Q,)` rows, labels and weights: each row with all K labels weighted by T[y], or, with more than `MOST_LABELS`
        classes, with `DRAWN` labels at even distances in T[y].
    """
    classes = len(transition)
    if classes <= MOST_LABELS:
        label, weight = np.tile(np.arange(classes), len(truth)), transition[truth].ravel()
        return np.repeat(np.arange(len(truth)), classes), label, weight
    start = np.random.default_rng([classes, len(truth)]).random((len(truth), 1))
    count = DRAWN if most is None else min(max(most // max(len(truth) * classes, 1), 1), DRAWN)
    quantiles = (start + np.arange(count)) / count
    heaped = np.cumsum(transition, axis=1)
    drawn = [np.searchsorted(heaped[y], q) for y, q in zip(truth, quantiles, strict=True)]
    label = np.concatenate([np.zeros(0, dtype=np.int64), *drawn])
    row = np.repeat(np.arange(len(truth)), count)
    return row, np.minimum(label, classes - 1).astype(np.int64), np.full(len(row), 1 / count)


def normalised(matrix: Floats) -> Floats:
    """The matrix with entries clipped from below at `FLOOR` of their row and rows summing to 1."""
    shares = np.asarray(matrix / matrix.sum(axis=1, keepdims=True), dtype=np.float64)
    np.maximum(shares, FLOOR, out=shares)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
