"""The noise rate from pairs drawn per class: true classes weigh by shares that nobody has counted.

The shares π of the true classes explain those of the given labels, q = π T, with T the chances of a given label under a
true class. The rate Σ π_c (1 − T[c, c]) takes the error of each class as counted, and π from a T that few pairs cannot
make wild: errors of classes drawn toward their mean by 1, 4, 16 or 64 pairs, each answer weighing by the square root of
its likelihood (beta-binomial), and destinations of errors drawn toward all alike, as strongly as is likeliest. π is the
likeliest under q and a Dirichlet prior of `PRIOR` rows around q; it does not follow each twist of a rough T.

The variance is that of the rate's linear part in T, rows multinomial, so that π's share in it counts: with u what
π follows per given label, Σ π_c² Var_c(u_j − [j = c]) / n_c, plus what the prior leaves open, plus how far the four
answers differ. It is taken at the smoothed T: an error that was not seen is not taken for impossible. The interval is
Wilson's, corrected, for as many rows as have that variance, and not for more than there are.

Sources: Tenenbein, JASA 1970 (two samples, one of them with errors); Korn and Graubard 1998 (effective rows).

Legend: P pairs, N noisy rows, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from labelfix.data.arrays import Counts, Floats

STRENGTHS = (1.0, 4.0, 16.0, 64.0)
"""Pairs a class by which its error is drawn toward the mean. 1 alone makes rates of 30 classes too high, by .07 with 5
rows a class; 64 alone hides what classes differ by."""

SPREADS = (1.0, 4.0, 16.0, 64.0, 256.0)
"""Errors a class by which destinations are drawn toward all alike."""

TEMPER = 0.5
"""Power of the likelihoods that weigh the strengths: few rows should not be sure which is right."""

PRIOR = 1.0
"""Rows that q counts as beside the pairs, where it stands for π."""

STEPS = 100
"""Rounds of EM, which has settled by then."""

LEAST = 1 / 3
"""No class's share is taken to be below this: else nothing could be said about 30 classes with 5 pairs each."""

_lgamma = np.frompyfunc(math.lgamma, 1, 1)


@dataclass(frozen=True)
class Weighted:
    """What pairs drawn per class say.

    Attributes:
        rate: Share of wrong given labels.
        variance: Of it, as an error.
        smoothed: The rate by the smoothed T, inside (0, 1): what the variance belongs to.
        shares: `(K,)` π.
        least: `(K,)` π less its standard error, and a third of it at least.
    """

    rate: float
    variance: float
    smoothed: float
    shares: Floats
    least: Floats


def weighted(counts: Counts, given: Counts) -> Weighted:
    """Weigh the classes.

    Args:
        counts: `(K, K)` pairs by true class and given label.
        given: `(K,)` noisy rows, the pairs not among them, by given label.
    """
    pairs = counts.sum(axis=1).astype(np.float64)
    right = np.diag(counts).astype(np.float64)
    wrong, total = pairs - right, float(pairs.sum())
    mean = (float(wrong.sum()) + 0.5) / (total + 1)
    go_to = _destinations(counts)
    found, likelihood = [], []
    for strength in STRENGTHS:
        bad, good = strength * mean, strength * (1 - mean)
        error = (wrong + bad) / (pairs + strength)
        seen = _rising(strength, pairs)
        likelihood.append(float((_rising(bad, wrong) + _rising(good, right) - seen).sum()))
        matrix = np.diag(1 - error) + error[:, None] * go_to
        counted = np.where(pairs > 0, wrong / np.maximum(pairs, 1), error)
        found.append(_under(matrix, counted, pairs, given))
    weight = np.exp(TEMPER * (np.array(likelihood) - max(likelihood)))
    weight /= weight.sum()
    rates = np.array([each.rate for each in found])
    rate = float(weight @ rates)
    variance = float(weight @ (np.array([each.variance for each in found]) + (rates - rate) ** 2))
    smoothed = float(weight @ np.array([each.smoothed for each in found]))
    shares, least = (weight @ np.stack([getattr(each, name) for each in found]) for name in ("shares", "least"))
    return Weighted(rate, variance, smoothed, shares, least)


def _under(matrix: Floats, error: Floats, pairs: Floats, given: Counts) -> Weighted:
    """The same under one T, with the errors as they were counted."""
    total, rows = float(pairs.sum()), max(float(given.sum()), 1.0)
    classes, shares = len(pairs), given / rows
    p = np.full(classes, 1 / classes)
    for _ in range(STEPS):
        p = total * p * (matrix @ (shares / np.maximum(p @ matrix, 1e-12))) + PRIOR * shares
        p /= max(float(p.sum()), 1e-12)
    kept = np.diag(matrix)
    mean = float(p @ kept)
    told = matrix * (total / np.maximum(p @ matrix, 1e-9))
    information = told @ matrix.T + np.diag(PRIOR / np.maximum(p, 1e-4))
    inverse = np.linalg.inv(information)
    follows = mean + told.T @ (inverse @ (kept - mean))
    moves = follows[None, :] - np.eye(classes)
    spread = (matrix * moves**2).sum(axis=1) - (matrix * moves).sum(axis=1) ** 2
    # Meant are the noisy rows of a class that are there, not a chance they were drawn from: hence the second part.
    each = 1 / np.maximum(pairs, 0.5) + 1 / np.maximum(rows * p, 1.0)
    open_ = kept - matrix @ follows
    prior = (float(p @ open_**2) - float(p @ open_) ** 2) / (PRIOR + 1)
    smoothed = min(max(1 - mean, 1e-9), 1 - 1e-9)
    variance = float((p**2 * spread * each).sum()) + prior
    least = np.maximum(p - np.sqrt(np.maximum(np.diag(inverse), 0.0)), LEAST * p)
    return Weighted(float(p @ error), variance, smoothed, p, least)


def _destinations(counts: Counts) -> Floats:
    """`(K, K)` where the errors of a class go, drawn toward all other classes alike; rows sum to 1."""
    classes = len(counts)
    others = np.maximum(counts - np.diag(np.diag(counts)), 0).astype(np.float64)
    alike = (1 - np.eye(classes)) / max(classes - 1, 1)
    wrong = others.sum(axis=1)
    there = others[others > 0]

    def likelihood(strength: float) -> float:
        cell = np.full(len(there), strength / max(classes - 1, 1))
        return float(_rising(cell, there).sum() - _rising(strength, wrong).sum())

    strength = max(SPREADS, key=likelihood)
    return np.asarray((others + strength * alike) / (wrong + strength)[:, None])


def _rising(start: float | Floats, steps: Floats) -> Floats:
    """log Γ(start + steps) − log Γ(start)."""
    return np.asarray(_lgamma(start + steps) - _lgamma(start), dtype=np.float64)
