"""How many given labels of the noisy rows are wrong, with 95 % intervals.

Trusted rows drawn at random from the noisy file: prediction-powered inference. A model's opinion p of all noisy rows is
corrected by what it gets wrong on the paired rows, z = [y' ≠ y], and counts as far as it foretells z,

    θ = mean_P(z − λp) + λ mean_N(p),   var θ = var(z − λp)·(1/P + 1/N),   λ = cov(z, p) / var(p).

λ of a pair is that of pairs in other parts: otherwise it would follow the luck of the draw, and lower high counts only.
1/N stands there because the wrong labels of these N rows are meant, not a rate that they were drawn from. The interval
is Wilson's for as many rows as have that variance: it stays in [0, 1] and keeps its coverage at small rates. The
opinion must come from models that never saw the given label of the row, noisy or paired; those of a pair saw other
pairs, which ties the rows together and adds about a tenth to the variance (measured). A cell of T and the rate of a
class are ratios and go by their linear part.

Drawn per class: T row by row from the pairs, P(y) from the shares of given labels q = P T, and the rate Σ P(y) (1 −
T[y, y]), bootstrapped through both, for bias and variance. Unweighted, a rate of .13 on skewed classes reads as .26.

Without pairs: as soft labels have it, under noise that depends on the class alone; no interval.

Sources: Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, Science 2023; Angelopoulos, Duchi and Zrnic 2023 (λ); Zrnic
and Candès, PNAS 2024 (opinions of models that learned other pairs); Wilson 1927; Korn and Graubard 1998 (effective
rows).

Legend: N noisy rows, P pairs, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.correction.transition import Matrix
from labelfix.data.intervals import wilson
from labelfix.data.tables import Codes, Probabilities, Sampling

Floats = npt.NDArray[np.float64]

DRAWS = 400
"""Bootstrap draws."""

EM_STEPS = 200
"""Of the class shares."""

FEW = 5
"""With fewer pairs of either kind they are counted."""

PARTS = 4
"""Parts of the pairs; λ of one comes from the others."""

DEPENDENCE = 1.1
"""What is added to the variance because pairs had a part in the opinions of each other."""

MOST_CLASSES = 30
"""With more classes the cells of T are counted."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval.

    Attributes:
        value: In [0, 1]; None where there is nothing to estimate from.
        low: Lower end; None where no coverage is promised.
        high: Upper end, likewise.
        rows: Pairs that it rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    rows: int

    def complement(self) -> Interval:
        """Of the opposite."""
        value, low, high = (None if each is None else 1 - each for each in (self.value, self.high, self.low))
        return Interval(value, low, high, self.rows)

    def scaled(self, factor: float) -> Interval:
        """The same a little larger or smaller; its ends stay where they are, as long as they hold it."""
        assert self.value is not None
        value = self.value * factor
        low = None if self.low is None else min(self.low, value)
        high = None if self.high is None else max(self.high, value)
        return Interval(value, low, high, self.rows)

    def to_json(self) -> dict[str, float | int | None]:
        """Plain values."""
        return {"value": self.value, "low": self.low, "high": self.high, "rows": self.rows}


@dataclass(frozen=True)
class NoiseRate:
    """How noisy the given labels are.

    Attributes:
        rate: Share of all given labels that are wrong.
        classes: Of the rows of each true class.
        transition: `[K][K]` T, rows = true class.
        how: How it was estimated, a sentence.
        coverage: Whether the intervals hold what they say.
    """

    rate: Interval
    classes: tuple[Interval, ...]
    transition: tuple[tuple[Interval, ...], ...]
    how: str
    coverage: bool

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Plain values; `names` are those of the classes."""
        matrix = {
            part: [[getattr(cell, part) for cell in row] for row in self.transition]
            for part in ("value", "low", "high")
        }
        return {
            "rate": self.rate.to_json(),
            "classes": [{"class": name, **each.to_json()} for name, each in zip(names, self.classes, strict=True)],
            "transition": matrix,
            "how": self.how,
            "coverage": self.coverage,
        }


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
    truth: Codes,
    paired_given: Codes,
    given: Codes,
    num_classes: int,
    sampling: Sampling,
    opinion: Opinion | None,
    seed: int,
) -> NoiseRate:
    """Estimate it from pairs.

    Args:
        truth: `(P,)` trusted labels.
        paired_given: `(P,)` given labels of the same rows.
        given: `(N,)` given labels of the noisy rows.
        num_classes: K.
        sampling: How the pairs were drawn.
        opinion: Makes intervals narrower; None where no model is honest enough. Not used for per-class draws.
        seed: Of the bootstrap.
    """
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(counts, (truth, paired_given), 1)
    spread = np.full(num_classes, 1 + len(truth) / max(len(given), 1))
    there = np.bincount(given, minlength=num_classes)
    if sampling == "per-class":
        spread = 1 + counts.sum(axis=1) / np.maximum(there, 1)
    matrix = tuple(
        tuple(_share(int(cell), int(row.sum()), float(each)) for cell in row)
        for row, each in zip(counts, spread, strict=True)
    )
    wrong = truth != paired_given
    rate = _share(int(wrong.sum()), len(truth), float(spread[0]))
    coverage = True
    if sampling == "per-class":
        coverage = bool((counts.sum(axis=1)[there > 0] > 0).all())
        how = "trusted rows drawn per class, weighted by the class shares that the given labels imply; bootstrapped"
        rate = _reweighted(counts, given, seed)
    elif opinion is None:
        how = "paired trusted rows drawn at random, counted (Wilson)"
    else:
        how = "prediction-powered inference from paired trusted rows drawn at random"
        said = 1 - opinion.pairs[np.arange(len(truth)), paired_given].astype(np.float64)
        of_noisy = 1 - opinion.noisy[np.arange(len(opinion.given)), opinion.given].astype(np.float64)
        rate = _powered(wrong.astype(np.float64), said, of_noisy, int(wrong.sum()), len(truth))
        if num_classes <= MOST_CLASSES:
            every = range(num_classes)
            matrix = tuple(_to_one([_of_cell(c, j, truth, paired_given, opinion) for j in every]) for c in every)
    return NoiseRate(rate, tuple(row[c].complement() for c, row in enumerate(matrix)), matrix, how, coverage)


def assumed(soft: Probabilities, given: Codes, transition: Matrix) -> NoiseRate:
    """Without pairs: as the soft labels have it.

    Args:
        soft: `(N, K)` soft labels of noisy rows.
        given: `(N,)` their given labels.
        transition: `(K, K)` T.
    """
    score = soft[np.arange(len(given)), given].astype(np.float64)

    def bare(value: float) -> Interval:
        return Interval(float(np.clip(value, 0, 1)), None, None, 0)

    how = "as the soft labels have it, under noise that depends on the true class alone; no coverage is promised"
    matrix = tuple(tuple(bare(cell) for cell in row) for row in transition)
    classes = tuple(bare(1 - row[c]) for c, row in enumerate(transition))
    return NoiseRate(bare(1 - score.mean()), classes, matrix, how, False)


def _of_cell(c: int, j: int, truth: Codes, paired_given: Codes, opinion: Opinion) -> Interval:
    """T[c, j], the share of the rows of a true class that have a given label: a ratio, by its linear part."""
    own = truth == c
    rows = int(own.sum())
    hits = own & (paired_given == j)
    if not rows:
        return Interval(None, None, None, 0)
    counted, share = float(hits.sum() / rows), float(own.mean())
    residual = (hits - counted * own) / share
    said = opinion.pairs[:, c].astype(np.float64) * ((paired_given == j) - counted) / share
    of_noisy = opinion.noisy[:, c].astype(np.float64) * ((opinion.given == j) - counted) / share
    return _powered(residual, said, of_noisy, int(hits.sum()), rows, counted)


def _to_one(row: Sequence[Interval]) -> tuple[Interval, ...]:
    """A row of T whose cells were estimated one by one, so that it sums to 1."""
    total = sum(cell.value or 0.0 for cell in row) or 1.0
    return tuple(cell if cell.value is None else cell.scaled(1 / total) for cell in row)


def _powered(z: Floats, said: Floats, of_noisy: Floats, hits: int, rows: int, centre: float = 0.0) -> Interval:
    """θ of the module's docstring, plus a centre.

    Args:
        z: `(P,)` what is averaged.
        said: `(P,)` the opinion of it.
        of_noisy: `(N,)` the same of noisy rows.
        hits: Pairs that count.
        rows: Of so many.
        centre: Added to θ.
    """
    spread = 1 + len(z) / max(len(of_noisy), 1)
    if min(hits, rows - hits) < FEW:
        return _share(hits, rows, spread)
    power = _power(z, said)
    left = z - power * said
    gain = float(z.var() / max(float(left.var()), 1e-12)) / DEPENDENCE
    if gain <= 1:
        return _share(hits, rows, spread)
    value = float(np.clip(centre + left.mean() + power.mean() * of_noisy.mean(), 1e-6, 1 - 1e-6))
    effective = rows * gain / spread
    low, high = wilson(value * effective, effective)
    return Interval(value, max(low, 0.0), min(high, 1.0), rows)


def _power(z: Floats, said: Floats) -> Floats:
    """`(P,)` λ of each pair, from the pairs of the other parts."""
    part = np.arange(len(z)) % PARTS
    power = np.zeros(len(z))
    for number in range(PARTS):
        others = part != number
        spread = float(said[others].var())
        if spread > 0:
            power[~others] = np.clip(np.cov(z[others], said[others], ddof=0)[0, 1] / spread, 0, 1)
    return power


def _reweighted(counts: npt.NDArray[np.int64], given: Codes, seed: int) -> Interval:
    """The rate from draws per class, with an interval from the bootstrap's variance."""
    pairs = counts.sum(axis=1)
    classes = len(counts)
    shares = np.bincount(given, minlength=classes) / max(len(given), 1)
    generator = np.random.default_rng([seed, 42])
    seen = (counts + 0.5 / classes) / (pairs[:, None] + 0.5)
    drawn = np.stack(
        [generator.multinomial(n, row / row.sum(), DRAWS) for n, row in zip(pairs, seen, strict=True)], axis=1
    )
    resampled = generator.multinomial(len(given), shares, DRAWS) / max(len(given), 1)
    values = _rate(drawn.astype(np.float64), resampled)
    drawn_from = seen / seen.sum(axis=1, keepdims=True) * pairs[:, None]
    counted, origin = _rate(np.stack([counts.astype(np.float64), drawn_from]), np.stack([shares, shares]))
    # P(y) by a T of few pairs is too rough, and the rate with it too high: what draws add to their origin is taken off.
    value = float(np.clip(counted - (values.mean() - origin), 1e-6, 1 - 1e-6))
    variance = max(float(values.var(ddof=1)), 1e-9) + value * (1 - value) / max(len(given), 1)
    total = float(pairs.sum())
    effective = min(value * (1 - value) / variance, total / (1 + total / max(len(given), 1)))
    low, high = wilson(value * effective, effective)
    return Interval(value, max(low, 0.0), min(high, 1.0), int(total))


def _rate(counts: Floats, given_shares: Floats) -> Floats:
    """`(B,)` Σ P(y) (1 − T[y, y]) of B samples; P by EM on q = P T.

    Args:
        counts: `(B, K, K)` pairs by true class and given label.
        given_shares: `(B, K)` q.
    """
    classes = counts.shape[1]
    smooth = counts + 0.1 * (np.eye(classes) + 1e-3)
    matrix = smooth / smooth.sum(axis=2, keepdims=True)
    p = np.full(given_shares.shape, 1 / classes)
    for _ in range(EM_STEPS):
        ratio = given_shares / np.maximum(np.einsum("bc,bcj->bj", p, matrix), 1e-12)
        p = p * np.einsum("bcj,bj->bc", matrix, ratio)
    p /= p.sum(axis=1, keepdims=True)
    seen = counts.sum(axis=2)
    right = np.where(seen > 0, np.einsum("bcc->bc", counts) / np.maximum(seen, 1), np.einsum("bcc->bc", matrix))
    return np.asarray((p * (1 - right)).sum(axis=1))


def _share(hits: int, total: int, spread: float) -> Interval:
    """A counted share; `spread` is how much larger its variance is because noisy rows are meant."""
    if not total:
        return Interval(None, None, None, 0)
    low, high = wilson(hits / spread, total / spread)
    return Interval(hits / total, 0.0 if hits == 0 else low, 1.0 if hits == total else high, total)
