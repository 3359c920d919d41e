"""Whether classes have the same shares among two samples of rows: Pearson's test of homogeneity.

Classes too rare for the chi-squared distribution are counted as one. Where too few rows are left to that one, or all
classes are such, the same statistic is held against draws of tables with the same margins, which is exact for any
counts: of 95 trusted rows 33 may be frauds where chance would make 4.

Legend: K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Counts

SMALLEST_EXPECTED = 5.0
"""Cochran's rule: with fewer rows expected in a cell the chi-squared distribution is no longer near."""

DRAWS = 9_999
"""Draws of the exact test: the least p-value is then 1 / 10,000, below half the usual level."""

MAX_DRIFT = 0.05
"""One row in twenty: below that, the shares of a month differ from those of the next on data that nobody calls drifted,
and the noise rate and the threshold of the run hold well enough."""


def distance_of(here: Counts, there: Counts) -> float:
    """The total variation distance of the shares of `(K,)` counts: the part of rows that would have to be others."""
    return float(np.abs(here / here.sum() - there / there.sum()).sum() / 2)


def same_shares(here: Counts, there: Counts) -> float | None:
    """The p-value: how often chance makes shares differ so much.

    Args:
        here: `(K,)` rows of each class in one sample.
        there: `(K,)` likewise in the other.

    Returns:
        None where a sample is empty.
    """
    if not here.sum() or not there.sum():
        return None
    both = np.stack([here, there]).astype(np.int64)
    both = both[:, both.sum(axis=0) > 0]
    least = min(here.sum(), there.sum()) / both.sum() * both.sum(axis=0)
    rare = least < SMALLEST_EXPECTED
    if not rare.all():
        rest = both[:, rare].sum(axis=1, keepdims=True)
        both = np.concatenate([both[:, ~rare], rest], axis=1) if rare.any() else both
        if not rare.any() or least[rare].sum() >= SMALLEST_EXPECTED:
            return tail_of_chi_squared(float(_statistic(both[0], both)), both.shape[1] - 1)
    return _exact(both)


def _statistic(drawn: Counts, both: Counts) -> npt.NDArray[np.float64]:
    """`(…)` Pearson's statistic of tables `(…, C)` of the first sample, with the margins of both, `(2, C)`."""
    columns, (rows, others) = both.sum(axis=0), both.sum(axis=1)
    expected = columns * (rows / columns.sum())
    # The second sample's cells lack what the first one's have too much.
    return np.asarray(((drawn - expected) ** 2 / expected).sum(axis=-1) * (1 + rows / others))


def _exact(both: Counts) -> float:
    generator = np.random.default_rng(0)  # the same rows get the same p-value
    both = both if both[0].sum() <= both[1].sum() else both[::-1]
    least = float(_statistic(both[0], both)) * (1 - 1e-9)
    draws = _drawn(generator, both.sum(axis=0), int(both[0].sum()))
    return (1 + sum(int((_statistic(some, both) >= least).sum()) for some in draws)) / (DRAWS + 1)


def _drawn(generator: np.random.Generator, columns: Counts, rows: int) -> Iterator[Counts]:
    """Tables of the same margins, some at a time so that many classes fit."""
    left = DRAWS
    while left:
        some = min(left, max(1, (1 << 20) // len(columns)))
        # The other method costs a number for each row.
        yield generator.multivariate_hypergeometric(columns, rows, size=some, method="marginals")
        left -= some


def tail_of_chi_squared(statistic: float, freedom: int) -> float:
    """The chance of a statistic at least as large: a sum of as many terms as half the degrees of freedom.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964, 26.4.4 and 26.4.5.

    Args:
        statistic: At least 0.
        freedom: Degrees of freedom, at least 1.
    """
    half = statistic / 2
    if half <= 0:
        return 1.0
    odd = freedom % 2
    powers = np.arange(freedom // 2) + odd / 2
    terms = [math.exp(power * math.log(half) - half - math.lgamma(power + 1)) for power in powers]
    return min(math.fsum(terms) + (math.erfc(math.sqrt(half)) if odd else 0.0), 1.0)
