"""How many given labels of the noisy rows are wrong: what pairs say (`labels.noise_rate`), and what a model adds.

Trusted rows drawn at random from the noisy file: prediction-powered inference. A model's opinion p of all noisy rows is
corrected by what it gets wrong on the paired rows, z = [y' ≠ y], and counts as far as it foretells z,

    θ = mean_P(z − λp) + λ mean_N(p),   var θ = var(z − λp)·(1/P + 1/N),   λ = cov(z, p) / var(p).

λ of a pair is that of pairs in other parts: otherwise it would follow the luck of the draw, and lower high counts only.
1/N stands there because the wrong labels of these N rows are meant, not a rate that they were drawn from. The interval
is Wilson's for as many rows as have that variance: it stays in [0, 1] and keeps its coverage at small rates. The
opinion must come from models that never saw the given label of the row, noisy or paired; those of a pair saw other
pairs, which ties the rows together and adds about a tenth to the variance (measured). One more miss than the pairs
show is counted: of 45 pairs an opinion that errs once in a hundred shows none, and the interval held the truth in 76 of
100 draws (now 98). A cell of T and the rate of a class are ratios and go by their linear part.

Without pairs: as soft labels have it, under noise that depends on the class alone; no interval.

Sources: Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, Science 2023; Angelopoulos, Duchi and Zrnic 2023 (λ); Zrnic
and Candès, PNAS 2024 (opinions of models that learned other pairs); Wilson 1927.

Legend: N noisy rows, P pairs, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from labelfix.data.arrays import Floats
from labelfix.data.intervals import share_interval
from labelfix.data.labels.noise_rate import FEW, TOLD_UP_TO, NoiseRate, RateInterval, counted, counted_rate, pair_counts
from labelfix.data.tables import Codes, Probabilities, Sampling

RATE_PARTS = 4
"""Parts of the pairs; λ of one comes from the others."""

DEPENDENCE = 1.1
"""What is added to the variance because pairs had a part in the opinions of each other."""

MOST_CLASSES = 30
"""With more classes the cells of T are counted."""


POWERED = "counted on trusted rows drawn at random, with a model's opinion of the others"
"""How it is estimated with an opinion, for people."""


@dataclass(frozen=True)
class Opinion:
    """P(y | x, y') by models that never saw the given label of the row that they speak of.

    Attributes:
        noisy: `(N, K)` of noisy rows.
        given: `(N,)` their given labels.
        pairs: `(P, K)` of the pairs.
    """

    noisy: Probabilities
    given: Codes
    pairs: Probabilities


def estimate(
    truth: Codes, paired_given: Codes, given: Codes, num_classes: int, sampling: Sampling, opinion: Opinion | None
) -> NoiseRate:
    """Estimate it from pairs.

    Args:
        truth: `(P,)` trusted labels.
        paired_given: `(P,)` given labels of the same rows.
        given: `(N,)` given labels of the noisy rows.
        opinion: Makes intervals narrower; None where no model is honest enough. Used for random draws alone.
    """
    of_given = np.bincount(given, minlength=num_classes)
    found = counted_rate(pair_counts(truth, paired_given, num_classes), of_given, sampling)
    if opinion is None or sampling != "random":
        return found
    wrong = truth != paired_given
    said = 1 - opinion.pairs[np.arange(len(truth)), paired_given].astype(np.float64)
    of_noisy = 1 - opinion.noisy[np.arange(len(opinion.given)), opinion.given].astype(np.float64)
    rate = _powered(wrong.astype(np.float64), said, of_noisy, int(wrong.sum()), len(truth))
    found = replace(found, rate=rate, how=POWERED)
    if num_classes > MOST_CLASSES:
        return found
    every = range(num_classes)
    matrix = tuple(_to_one([_of_cell(c, j, truth, paired_given, opinion) for j in every]) for c in every)
    return replace(found, classes=tuple(row[c].complement() for c, row in enumerate(matrix)), transition=matrix)


def assumed(soft: Probabilities, given: Codes, transition: Floats) -> NoiseRate:
    """Without pairs: as the soft labels have it.

    Args:
        soft: `(N, K)` soft labels of noisy rows.
        given: `(N,)` their given labels.
        transition: `(K, K)` T.
    """
    score = soft[np.arange(len(given)), given].astype(np.float64)

    def bare(value: float) -> RateInterval:
        return RateInterval(float(np.clip(value, 0, 1)), None, None, 0)

    how = "as the soft labels have it, under noise that depends on the true class alone; no coverage is promised"
    told = transition if len(transition) <= TOLD_UP_TO else ()
    matrix = tuple(tuple(bare(cell) for cell in row) for row in told)
    classes = tuple(bare(1 - row[c]) for c, row in enumerate(transition))
    return NoiseRate(bare(1 - score.mean()), classes, matrix, how, False)


def _of_cell(c: int, j: int, truth: Codes, paired_given: Codes, opinion: Opinion) -> RateInterval:
    """T[c, j], the share of the rows of a true class that have a given label: a ratio, by its linear part."""
    own = truth == c
    rows = int(own.sum())
    hits = own & (paired_given == j)
    if not rows:
        return RateInterval(None, None, None, 0)
    counted, share = float(hits.sum() / rows), float(own.mean())
    residual = (hits - counted * own) / share
    said = opinion.pairs[:, c].astype(np.float64) * ((paired_given == j) - counted) / share
    of_noisy = opinion.noisy[:, c].astype(np.float64) * ((opinion.given == j) - counted) / share
    return _powered(residual, said, of_noisy, int(hits.sum()), rows, counted)


def _to_one(row: Sequence[RateInterval]) -> tuple[RateInterval, ...]:
    """A row of T whose cells were estimated one by one, so that it sums to 1."""
    total = sum(cell.value or 0.0 for cell in row) or 1.0
    return tuple(cell if cell.value is None else cell.scaled(1 / total) for cell in row)


def _powered(z: Floats, said: Floats, of_noisy: Floats, hits: int, rows: int, centre: float = 0.0) -> RateInterval:
    """θ of the module's docstring, plus a centre.

    Args:
        z: `(P,)` what is averaged.
        said: `(P,)` the opinion of it.
        of_noisy: `(N,)` the same of noisy rows.
        hits: Pairs that count.
        centre: Added to θ.
    """
    spread = 1 + len(z) / max(len(of_noisy), 1)
    meant = rows / (spread - 1)
    if min(hits, rows - hits) < FEW:
        return counted(hits, rows, meant)
    power = _power(z, said)
    left = z - power * said
    unseen = float(np.ptp(z)) ** 2 / len(z)
    gain = float(z.var() / (left.var() + unseen)) / DEPENDENCE
    if gain <= 1:
        return counted(hits, rows, meant)
    value = float(np.clip(centre + left.mean() + power.mean() * of_noisy.mean(), 1e-6, 1 - 1e-6))
    effective = rows * gain / spread
    low, high = share_interval(value * effective, effective)
    return RateInterval(value, low, high, rows)


def _power(z: Floats, said: Floats) -> Floats:
    """`(P,)` λ of each pair, from the pairs of the other parts."""
    part = np.arange(len(z)) % RATE_PARTS
    power = np.zeros(len(z))
    for number in range(RATE_PARTS):
        others = part != number
        spread = float(said[others].var())
        if spread > 0:
            power[~others] = np.clip(np.cov(z[others], said[others], ddof=0)[0, 1] / spread, 0, 1)
    return power
