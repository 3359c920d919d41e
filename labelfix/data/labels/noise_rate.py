"""How many given labels of the noisy rows are wrong, counted on trusted rows among them, with 95 % intervals.

The one estimate of the product: `check` prints it, and a run does where no model's opinion makes it narrower
(`evidence.noise_rate`). It is the share of wrong labels among the N noisy rows that are not pairs, not a rate
that they were drawn from; so the variance of P pairs is larger by P/N.

Drawn at random: the share of the pairs. Drawn per class: weighted (`class_shares`). Drawn per given label: the shares
of each label's pairs, weighted by how many rows have it; where no row of a label was checked, the rate is not known. Of
single classes and cells of T,
the share among the pairs of that true class; of the N_c noisy rows of it that are meant, as many as π says.

Legend: P pairs, N noisy rows, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelfix.data.arrays import Counts
from labelfix.data.intervals import Z95, share_interval
from labelfix.data.labels.class_shares import Weighted, weighted
from labelfix.data.labels.likely_rates import likely_rates
from labelfix.data.tables import UNLABELLED, Codes, Sampling, TrainingData

COUNTED = 5
"""With this many pairs the noise rate is what they show, and not what is assumed."""

OPINION_FROM = 20
"""With this many pairs a run adds a model's opinion of the other rows, where features are fixed."""

FEW = 5
"""With fewer pairs of either kind, wrong and right, it does not; nor does the likelihood say how far a rate may be."""

UNSEEN = 0.01
"""Of the rows may have given labels of which no row was checked, and the rate of a draw per label is still told."""

FEW_CLASSES = 6
"""For at most this many classes drawn per class the likelihood says which rates there may be: the variance that more
classes go by holds the truth there in .7 to .9 of draws where frequent classes are wrong most (docs/benchmarks.md)."""

HOW = {
    "random": "counted on trusted rows drawn at random",
    "per-class": "trusted rows drawn per class, weighted by the class shares that the given labels imply",
    "per-label": "trusted rows drawn per given label, weighted by how many rows have each",
    "picked": "counted on trusted rows that were not drawn at random; other rows may differ",
}
"""How it is counted, for people."""


@dataclass(frozen=True)
class RateInterval:
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

    def complement(self) -> RateInterval:
        """The rate of the opposite."""
        value, low, high = (None if each is None else 1 - each for each in (self.value, self.high, self.low))
        return RateInterval(value, low, high, self.rows)

    def bare(self) -> RateInterval:
        """The same without an interval."""
        return RateInterval(self.value, None, None, self.rows)

    def scaled(self, factor: float) -> RateInterval:
        """The same a little larger or smaller; each end moves along where that makes it wider."""
        assert self.value is not None
        low = None if self.low is None else min(self.low, self.low * factor)
        high = None if self.high is None else min(max(self.high, self.high * factor), 1.0)
        return RateInterval(self.value * factor, low, high, self.rows)

    def to_json(self) -> dict[str, float | int | None]:
        """Plain values."""
        return {"value": self.value, "low": self.low, "high": self.high, "rows": self.rows}


TOLD_UP_TO = 128
"""With more classes the cells of T are not told: they are more than there are rows to count."""


@dataclass(frozen=True)
class NoiseRate:
    """How noisy the given labels are.

    Attributes:
        rate: Share of all given labels that are wrong.
        classes: Of the rows of each true class.
        transition: `[K][K]` T, rows = true class; empty with more than `TOLD_UP_TO` classes.
        how: How it was estimated, a sentence.
        coverage: Whether the intervals hold what they say.
    """

    rate: RateInterval
    classes: tuple[RateInterval, ...]
    transition: tuple[tuple[RateInterval, ...], ...]
    how: str
    coverage: bool

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Plain values; `names` are those of the classes."""
        parts = ("value", "low", "high") if self.transition else ()
        matrix = {part: [[getattr(cell, part) for cell in row] for row in self.transition] for part in parts}
        return {
            "rate": self.rate.to_json(),
            "classes": [{"class": name, **each.to_json()} for name, each in zip(names, self.classes, strict=True)],
            **({"transition": matrix} if matrix else {}),
            "how": self.how,
            "coverage": self.coverage,
        }


def rate_of(counts: Counts, given: Counts, sampling: Sampling) -> RateInterval:
    """The share of wrong given labels.

    Args:
        counts: `(K, K)` pairs by true class and given label.
        given: `(K,)` noisy rows, the pairs not among them, by given label.
    """
    total, rows = int(counts.sum()), max(int(given.sum()), 1)
    if sampling == "per-class" and total:
        return _per_class(weighted(counts, given), counts, given)
    if sampling == "per-label" and total:
        return _per_label(counts, given)
    found = counted(total - int(np.trace(counts)), total, rows)
    return found if sampling == "random" else found.bare()


def covered(pairs: Counts, given: Counts) -> bool:
    """Whether rows of every given label were checked, but for labels of one row in a hundred at most.

    Args:
        pairs: `(K,)` pairs by given label.
        given: `(K,)` noisy rows, the pairs not among them, by given label.
    """
    return bool(given[pairs == 0].sum() <= UNSEEN * given.sum())


def _per_label(counts: Counts, given: Counts) -> RateInterval:
    """The rate of pairs drawn per given label: that of each label, an error more or less than seen in its variance."""
    pairs, rows = counts.sum(axis=0), max(int(given.sum()), 1)
    total = int(pairs.sum())
    if not covered(pairs, given):
        return RateInterval(None, None, None, total)
    some = pairs > 0
    share, n = given[some] / max(int(given[some].sum()), 1), pairs[some]
    wrong = n - counts.diagonal()[some]
    smooth = (wrong + 0.5) / (n + 1)
    variance = float((share**2 * smooth * (1 - smooth) / n).sum())
    found = Weighted(float(share @ (wrong / n)), variance, float(share @ smooth), share, share)
    return _of_weighted(found, total, rows)


def _per_class(found: Weighted, counts: Counts, given: Counts) -> RateInterval:
    """The rate of pairs drawn per class: of few classes what the likelihood bears, where there are some errors."""
    total, rows = int(counts.sum()), max(int(given.sum()), 1)
    usual = _of_weighted(found, total, rows)
    wrong = total - int(np.trace(counts))
    if len(counts) > FEW_CLASSES or not counts.sum(axis=1).all() or min(wrong, total - wrong) < FEW:
        return usual
    likely = likely_rates(counts, given)
    value = found.rate if likely.low <= found.rate <= likely.high else likely.value
    own = Z95**2 * value * (1 - value) / rows
    low = max(value - float(np.hypot(value - likely.low, np.sqrt(own))), 0.0)
    high = min(value + float(np.hypot(likely.high - value, np.sqrt(own))), 1.0)
    return RateInterval(value, low, high, total)


def _of_weighted(found: Weighted, total: int, rows: int) -> RateInterval:
    """A rate as variable as that of so many rows; never of more than there are."""
    most = total / (1 + total / rows)
    effective = min(found.smoothed * (1 - found.smoothed) / max(found.variance, 1e-12), most)
    low, high = _of_rows(*share_interval(found.rate * effective, effective), rows)
    return RateInterval(found.rate, min(low, found.rate), max(high, found.rate), total)


def counted_rate(counts: Counts, given: Counts, sampling: Sampling) -> NoiseRate:
    """The rate, those of the classes, and T; arguments as for `rate_of`."""
    pairs = counts.sum(axis=1)
    total, rows = int(pairs.sum()), max(int(given.sum()), 1)
    meant = rows * pairs / max(total, 1)
    if sampling == "per-class" and total:
        found = weighted(counts, given)
        rate, meant = _per_class(found, counts, given), rows * found.least
    else:
        rate = rate_of(counts, given, sampling)
    meant = np.maximum(meant.astype(np.float64), 1.0)
    right = zip(counts.diagonal().tolist(), pairs.tolist(), meant.tolist(), strict=True)
    classes = tuple(counted(*each).complement() for each in right)
    told = zip(counts, meant, strict=True) if len(counts) <= TOLD_UP_TO else ()
    matrix = tuple(_row(row.tolist(), float(each)) for row, each in told)
    coverage = sampling == "random" or bool((pairs[given > 0] > 0).all())
    if sampling in ("per-label", "picked"):  # of a true class not every row was as likely to be drawn
        classes = tuple(each.bare() for each in classes)
        matrix = tuple(tuple(cell.bare() for cell in row) for row in matrix)
        coverage = rate.low is not None
    return NoiseRate(rate, classes, matrix, HOW[sampling], coverage)


def _row(hits: Sequence[int], meant: float) -> tuple[RateInterval, ...]:
    """A row of T; cells of as many pairs, most of none, are alike."""
    known = {each: counted(each, sum(hits), meant) for each in set(hits)}
    return tuple(known[each] for each in hits)


def counted(hits: int, total: int, meant: float) -> RateInterval:
    """A counted share.

    Args:
        hits: Pairs that count.
        meant: Noisy rows whose share is meant.
    """
    if not total:
        return RateInterval(None, None, None, 0)
    spread = 1 + total / meant
    low, high = _of_rows(*share_interval(hits / spread, total / spread), meant)
    return RateInterval(hits / total, low, high, total)


def _of_rows(low: float, high: float, rows: float) -> tuple[float, float]:
    """The ends half a row further out: a share of few rows goes in steps, and may well be none of them."""
    return max(low - 0.5 / rows, 0.0), min(high + 0.5 / rows, 1.0)


def pair_counts(truth: Codes, given: Codes, num_classes: int) -> Counts:
    """`(K, K)` pairs by true class and given label.

    Args:
        truth: `(P,)` trusted labels.
        given: `(P,)` given labels of the same rows; -1 where there is none, which does not count.
    """
    known = given != UNLABELLED
    flat = truth[known] * num_classes + given[known]
    return np.bincount(flat, minlength=num_classes**2).reshape(num_classes, num_classes).astype(np.int64)


def transition_counts(data: TrainingData) -> Counts:
    """`(K, K)` paired trusted rows by trusted class and given label, those that `labelfix next` chose left out."""
    drawn = data.without_chosen()
    return pair_counts(drawn.clean.codes, drawn.paired_given, len(drawn.classes))


def rate_in(data: TrainingData) -> RateInterval:
    """The share of wrong given labels among the noisy rows of what was read."""
    drawn = data.without_chosen()
    given = np.bincount(drawn.noisy.codes[drawn.noisy_rows], minlength=len(drawn.classes))
    return rate_of(transition_counts(drawn), given, data.sampling)


def rate_line(rate: Mapping[str, Any], how: str) -> str:
    """A rate with its interval for a person: `check` and a run say it in the same words.

    Args:
        rate: As `RateInterval.to_json` has it, with both ends.
    """
    return f"estimate {rate['value']:.1%}, 95 % interval {rate['low']:.1%} to {rate['high']:.1%} ({how})"
