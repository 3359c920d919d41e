"""How many given labels are wrong, with 95 % intervals.

Trusted rows drawn at random from the noisy file: prediction-powered inference. A model's opinion of all noisy rows is
corrected by what it gets wrong on the paired rows, with the share λ of it that makes the variance smallest,

    θ = mean_P(z) − λ (mean_P(p) − mean_N(p)),   var θ = var(z − λp)/n + λ² var(p)/N,   z = [y' ≠ y]

and the interval is Wilson's for as many rows as would have that variance: it stays in [0, 1] and keeps its coverage at
small rates. The opinion must come from models that never saw the given label of the row, noisy or paired.

Drawn per class: T row by row from the pairs, P(y) from the shares of given labels q = P T, and the rate Σ P(y) (1 −
T[y, y]), bootstrapped through both. Unweighted, a rate of .13 on skewed classes reads as .26.

Without pairs: as soft labels have it, under noise that depends on the class alone; no interval.

Sources: Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, Science 2023; Angelopoulos, Duchi and Zrnic 2023 (λ); Wilson
1927; Korn and Graubard 1998 (effective rows).

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

FEW_WRONG = 20
"""With fewer wrong pairs than this λ is 0: its variance would be noise."""


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
    matrix = tuple(tuple(_share(int(cell), int(row.sum())) for cell in row) for row in counts)
    if sampling == "per-class":
        classes = tuple(_share(int(row.sum() - row[c]), int(row.sum())) for c, row in enumerate(counts))
        how = "trusted rows drawn per class, weighted by the class shares that the given labels imply; bootstrapped"
        return NoiseRate(_reweighted(counts, given, seed), classes, matrix, how, True)
    wrong, each = truth != paired_given, np.arange(len(truth))
    if opinion is None:
        plain = tuple(_share(int(row.sum() - row[c]), int(row.sum())) for c, row in enumerate(counts))
        how = "paired trusted rows drawn at random, counted (Wilson)"
        return NoiseRate(_share(int(wrong.sum()), len(truth)), plain, matrix, how, True)
    every = np.arange(len(opinion.given))
    said = 1 - opinion.pairs[each, paired_given].astype(np.float64)
    of_noisy = 1 - opinion.noisy[every, opinion.given].astype(np.float64)
    rate = _powered(wrong.astype(np.float64), said, of_noisy, np.ones(len(truth)), int(wrong.sum()))
    classes = tuple(_of_class(c, truth, paired_given, opinion) for c in range(num_classes))
    how = "prediction-powered inference from paired trusted rows drawn at random"
    return NoiseRate(rate, classes, matrix, how, True)


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


def _of_class(c: int, truth: Codes, paired_given: Codes, opinion: Opinion) -> Interval:
    """The rate among the rows of a true class: a ratio, by its linear part."""
    own = truth == c
    rows = int(own.sum())
    wrong = own & (paired_given != c)
    if not rows:
        return Interval(None, None, None, 0)
    plain = float(wrong.sum() / rows)
    says, of_noisy = opinion.pairs[:, c].astype(np.float64), opinion.noisy[:, c].astype(np.float64)
    residual = (wrong - plain * own) / own.mean()
    share = float(own.mean())
    said = says * ((paired_given != c) - plain) / share
    noisy = of_noisy * ((opinion.given != c) - plain) / share
    found = _powered(residual, said, noisy, own.astype(np.float64) / share, int(wrong.sum()), plain)
    return Interval(found.value, found.low, found.high, rows)


def _powered(z: Floats, said: Floats, noisy: Floats, unit: Floats, wrong: int, centre: float = 0.0) -> Interval:
    """θ of the module's docstring, plus a centre.

    Args:
        z: `(P,)` what is averaged.
        said: `(P,)` the opinion of it.
        noisy: `(N,)` the same of noisy rows.
        unit: `(P,)` what a row adds where everything is wrong; its mean is 1.
        wrong: Wrong pairs.
        centre: Added to θ.
    """
    pairs, rows = len(z), len(noisy)
    spread = float(said.var()) if pairs > 1 else 0.0
    power = 0.0
    if wrong >= FEW_WRONG and pairs - wrong >= FEW_WRONG and spread > 0:
        power = float(np.clip(np.cov(z, said)[0, 1] / (spread * (1 + pairs / rows)), 0, 1))
    value = centre + float(z.mean() - power * (said.mean() - noisy.mean()))
    variance = (
        float((z - power * said).var(ddof=1)) / pairs + power**2 * float(noisy.var()) / rows if pairs > 1 else 0.0
    )
    if power == 0.0 or variance <= 0:
        total = round(float(np.count_nonzero(unit)))
        return _share(wrong, total)
    value = float(np.clip(value, 1e-6, 1 - 1e-6))
    effective = value * (1 - value) / variance
    low, high = wilson(value * effective, effective)
    return Interval(value, max(low, 0.0), min(high, 1.0), pairs)


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
    value = float(_rate(counts[None].astype(np.float64), shares[None])[0])
    values = _rate(drawn.astype(np.float64), resampled)
    variance = max(float(values.var(ddof=1)), 1e-9)
    value = float(np.clip(value, 1e-6, 1 - 1e-6))
    effective = min(value * (1 - value) / variance, float(pairs.sum()))
    low, high = wilson(value * effective, effective)
    return Interval(value, max(low, 0.0), min(high, 1.0), int(pairs.sum()))


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


def _share(hits: int, total: int) -> Interval:
    if not total:
        return Interval(None, None, None, 0)
    low, high = wilson(hits, total)
    return Interval(hits / total, 0.0 if hits == 0 else low, 1.0 if hits == total else high, total)
