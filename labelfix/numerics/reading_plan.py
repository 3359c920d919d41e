"""Which rows to read, and how to bet on what is found, so that a bound on the share of wrong rows is proven soon.

Rows are drawn with weights between uniform and the standard deviation of e under the predicted probability q of being
wrong, w = u + (1 − u) · sqrt(q(1 − q)) / mean; predictions count as c = k · q. Of some u, k and bets those are taken
whose wealth is expected to grow fastest where q is true; with more freedom (any weight and any c a row) it grows by
less than 2 % faster. q is the model's own probability, moved on the logit scale towards the side that is harder to
prove, as models take their corrections for better than they are: that decides how soon a bound is proven, and never
whether it holds.

Legend: N rows, G groups of rows with like predictions, F bets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from labelfix.numerics.rate_by_betting import Floats

Side = Literal["below", "above"]

DOUBT = 1.25
"""How many times as often as it says a model may be wrong."""

UNIFORM, COUNTED = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25), (0.0, 0.5, 1.0)
BETS = (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
HEDGE = 0.7
"""The bet that stands beside the best one, as a part of it."""

GROUPS = 512
SMALLEST = 1e-5


@dataclass(frozen=True)
class Design:
    """How rows are drawn and betted on.

    Attributes:
        uniform: u.
        counted: k.
        shift: What is added to the logit of the model's probability to give q.
        below: Bets on a share below the bound.
        above: Bets on a share above it.
    """

    uniform: float
    counted: float
    shift: float
    below: tuple[float, ...]
    above: tuple[float, ...]

    def predicted(self, error: Floats) -> Floats:
        """`(N,)` q.

        Args:
            error: `(N,)` the model's probability that a row is wrong.
        """
        return _moved(error, self.shift)

    def weights(self, error: Floats) -> Floats:
        """`(N,)` w, `error` as above."""
        return _weights(self.predicted(error), self.uniform)

    def control(self, error: Floats) -> Floats:
        """`(N,)` c, `error` as above."""
        return self.counted * self.predicted(error)


def design(error: Floats, bound: float) -> Design:
    """The design that is expected to decide soonest.

    Args:
        error: `(N,)` the model's probability that a row is wrong.
        bound: What is to be proven or refuted.
    """
    mean = float(np.clip(error, SMALLEST, 1 - SMALLEST).mean())
    side: Side = "below" if mean < bound else "above"
    shift = shift_to(error, _doubted(mean, bound, side))
    groups = _Groups.of(_moved(error, shift))
    best = max(
        (
            (*groups.best_bet(uniform, counted, bound, side), uniform, counted)
            for uniform in UNIFORM
            for counted in COUNTED
        ),
        key=lambda found: found[0],
    )
    _, bet, uniform, counted = best
    # What the other side is betted with, should the model be wrong altogether.
    there = min(2 * bound, (1 + bound) / 2) if side == "below" else bound / 2
    other = _Groups.of(moved_to(error, there), groups.q)
    _, other_bet = other.best_bet(uniform, counted, bound, "above" if side == "below" else "below")
    below, above = (bet, other_bet) if side == "below" else (other_bet, bet)
    return Design(uniform, counted, shift, (HEDGE * below, below), (HEDGE * above, above))


def _doubted(mean: float, bound: float, side: Side) -> float:
    """The mean of q: nearer to the bound than the model's, yet not so near that nothing could be proven."""
    if side == "below":
        return min(DOUBT * mean, (mean + bound) / 2, bound / DOUBT)
    return max(mean / DOUBT, (mean + bound) / 2, min(DOUBT * bound, (1 + bound) / 2))


def growth(error: Floats, chosen: Design, mean: float, bound: float, side: Side) -> float:
    """By how much the log wealth grows a row where the mean share of wrong rows is so high.

    Args:
        error: `(N,)` the model's probability that a row is wrong.
        chosen: How rows are drawn and betted on.
        mean: The mean share of wrong rows that is assumed.
        bound: The bound.
        side: Of the bet.
    """
    groups = _Groups.of(moved_to(error, mean), chosen.predicted(error))
    bets = chosen.below if side == "below" else chosen.above
    return float(groups.growth(chosen.uniform, chosen.counted, bound, side, bets).max())


def shift_to(error: Floats, mean: float) -> float:
    """What moves probabilities on the logit scale to a mean, which is kept off 0 and 1."""
    wanted = float(np.clip(mean, 2 * SMALLEST, 1 - 2 * SMALLEST))
    return float(brentq(lambda shift: _moved(error, shift).mean() - wanted, -40, 40))


def moved_to(error: Floats, mean: float) -> Floats:
    """`(N,)` probabilities moved on the logit scale to a mean."""
    return _moved(error, shift_to(error, mean))


def _moved(error: Floats, shift: float) -> Floats:
    found: Floats = np.clip(expit(logit(np.clip(error, SMALLEST, 1 - SMALLEST)) + shift), SMALLEST, 1 - SMALLEST)
    return found


def _weights(q: Floats, uniform: float) -> Floats:
    spread = np.sqrt(q * (1 - q))
    weights: Floats = uniform + (1 - uniform) * spread / spread.mean()
    return weights


@dataclass(frozen=True)
class _Groups:
    """Rows in groups of like predictions.

    Attributes:
        share: `(G,)` of the rows.
        wrong: `(G,)` how many of them are taken to be wrong.
        q: `(N,)` what weights and control are made of.
        group: `(N,)` the group of each row.
    """

    share: Floats
    wrong: Floats
    q: Floats
    group: np.ndarray

    @classmethod
    def of(cls, wrong: Floats, q: Floats | None = None) -> _Groups:
        """Groups of equal size; `q` where weights are made of something else than what is taken to be true."""
        q = wrong if q is None else q
        order = np.argsort(q, kind="stable")
        group = np.empty(len(q), dtype=np.int64)
        group[order] = np.arange(len(q)) * min(GROUPS, len(q)) // len(q)
        size = np.bincount(group)
        return cls(size / len(q), np.bincount(group, wrong) / size, q, group)

    def best_bet(self, uniform: float, counted: float, bound: float, side: Side) -> tuple[float, float]:
        """Growth of the best of `BETS`, and this bet."""
        found = self.growth(uniform, counted, bound, side, BETS)
        return float(found.max()), BETS[int(found.argmax())]

    def growth(self, uniform: float, counted: float, bound: float, side: Side, bets: Sequence[float]) -> Floats:
        """`(F,)` expected log growth at the first draw."""
        size = self.share * len(self.q)
        weight = np.bincount(self.group, _weights(self.q, uniform)) / size
        control = np.bincount(self.group, counted * self.q) / size
        mean = float((self.share * control).sum())
        right, wrong = mean - control / weight, mean + (1 - control) / weight
        if side == "below":
            result = np.stack([bound - right, bound - wrong]) / max(float(wrong.max()) - bound, 1e-9)
        else:
            result = np.stack([right - bound, wrong - bound]) / max(bound - float(right.min()), 1e-9)
        odds = self.share * weight * np.stack([1 - self.wrong, self.wrong])
        f = np.asarray(bets)[:, None, None]
        found: Floats = (odds * np.log1p(f * np.maximum(result, -1))).sum(axis=(1, 2))
        return found
