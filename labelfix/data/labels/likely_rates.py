"""Which noise rates trusted rows drawn per class and given labels bear together, where classes are few.

With few classes the given labels may say little of the shares π of the true ones: with errors of .6 and .2 in two
classes, shares of .9 and .99 differ by what fifty pairs a class cannot tell. A variance of the linear part in T does
not see that, and what draws T and π toward something likely hides it. So every rate is asked for the T and π that bear
it best,

    ℓ(T, π) = Σ_cj pairs_cj log T_cj + Σ_j given_j log Σ_c π_c T_cj,   rate = Σ_c π_c (1 − T_cc),

and the interval has those that lack at most `LACK` of the best: the profile likelihood. Its ends are found by way of
the T and π that make ℓ + λ·rate greatest, for rising and falling λ, all of them at once.

Source: Venzon and Moolgavkar, "A method for computing profile-likelihood-based confidence intervals", JRSS C 1988.

Legend: K classes, L values of λ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfix.data.arrays import Counts, Floats
from labelfix.data.intervals import Z95
from labelfix.data.labels.descent import descend

LACK = Z95**2 / 2
"""What the log-likelihood lacks at the ends of a 95 % interval (Wilks 1938)."""

BESIDE = 0.05
"""Added to every count, so that no chance becomes 0, where its logarithm has no end."""

RISING = np.geomspace(2.0, 1500.0, 12)
"""λ at the upper end: an interval from .5 to .0005 wide has its slope among them."""

STEPS, SETTLED = 100, 1e-6
"""Steps of the optimiser, and the gain in likelihood below which it has settled."""


@dataclass(frozen=True)
class Likely:
    """Rates that the rows bear."""

    value: float
    low: float
    high: float


def likely_rates(pairs: Counts, given: Counts) -> Likely:
    """The interval of rates.

    Args:
        pairs: `(K, K)` by true class and given label, some of each class.
        given: `(K,)` noisy rows, the pairs not among them, by given label.
    """
    rates, lacks = _profile(pairs.astype(np.float64) + BESIDE, given.astype(np.float64))
    best = len(RISING)
    return Likely(float(rates[best]), _end(rates[best::-1], lacks[best::-1]), _end(rates[best:], lacks[best:]))


def _profile(pairs: Floats, given: Floats) -> tuple[Floats, Floats]:
    """`(L,)` the rate at each λ, rising, with 0 in the middle, and what its likelihood lacks of the best."""
    classes, shares = len(pairs), given + 1
    begin = np.concatenate([np.log(pairs).ravel(), np.log(shares / shares.sum())])
    slopes = np.concatenate([-RISING[::-1], [0.0], RISING])
    matrix, p = _parts(_greatest(slopes, np.tile(begin, (len(slopes), 1)), pairs, given), classes)
    rates = (p * (1 - np.einsum("lcc->lc", matrix))).sum(axis=1)
    likelihood = _likelihood(matrix, p, pairs, given)
    return rates, likelihood.max() - likelihood


def _greatest(slopes: Floats, begin: Floats, pairs: Floats, given: Floats) -> Floats:
    """`(L, K·K + K)` the logits of T and π that make ℓ + λ·rate greatest.

    Args:
        slopes: `(L,)` λ.
        begin: `(L, K·K + K)` where the search begins.
        pairs: `(K, K)` as of `likely_rates`.
        given: `(K,)` likewise.
    """
    classes = len(pairs)

    def loss(points: Floats, which: Counts) -> tuple[Floats, Floats]:
        slope = slopes[which]
        matrix, p = _parts(points, classes)
        kept = np.einsum("lcc->lc", matrix)
        said = np.maximum(np.einsum("lc,lcj->lj", p, matrix), 1e-300)
        ratio = given / said
        of_cells = p[:, :, None] * (ratio[:, None, :] - slope[:, None, None] * np.eye(classes))
        of_matrix = pairs + matrix * of_cells
        of_matrix -= matrix * of_matrix.sum(axis=2, keepdims=True)
        of_p = np.einsum("lcj,lj->lc", matrix, ratio) + slope[:, None] * (1 - kept)
        of_p = p * (of_p - (p * of_p).sum(axis=1, keepdims=True))
        value = _likelihood(matrix, p, pairs, given) + slope * (p * (1 - kept)).sum(axis=1)
        return -value, -np.concatenate([of_matrix.reshape(len(points), -1), of_p], axis=1)

    return descend(loss, begin, STEPS, SETTLED)


def _parts(points: Floats, classes: int) -> tuple[Floats, Floats]:
    """`(L, K, K)` T and `(L, K)` π from the logits of each, `(L, K·K + K)`."""
    cells = classes**2
    return _shares(points[:, :cells].reshape(-1, classes, classes)), _shares(points[:, cells:])


def _shares(logits: Floats) -> Floats:
    """Softmax along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _likelihood(matrix: Floats, p: Floats, pairs: Floats, given: Floats) -> Floats:
    """`(L,)` ℓ."""
    said = np.einsum("lc,lcj->lj", p, matrix)
    of_pairs = (pairs * np.log(np.maximum(matrix, 1e-300))).sum(axis=(1, 2))
    return np.asarray(of_pairs + (given * np.log(np.maximum(said, 1e-300))).sum(axis=1))


def _end(rates: Floats, lacks: Floats) -> float:
    """Where `LACK` is reached on the way outward: between two λ, which are the slopes there, by the cubic of both."""
    slopes = np.concatenate([[0.0], RISING])
    far = int(np.argmax(lacks > LACK))
    if not far:
        return float(rates[-1])
    wide = abs(float(rates[far] - rates[far - 1]))
    t = np.linspace(0, 1, 201)
    ends = (2 * t**3 - 3 * t**2 + 1) * max(lacks[far - 1], 0.0) + (3 * t**2 - 2 * t**3) * lacks[far]
    lack = ends + wide * ((t**3 - 2 * t**2 + t) * slopes[far - 1] + (t**3 - t**2) * slopes[far])
    return float(rates[far - 1] + t[int(np.argmax(lack >= LACK))] * (rates[far] - rates[far - 1]))
