"""Which rows to read, and how to bet on what is found, so that a bound on the share of wrong rows is proven soon.

Rows are drawn with weights between uniform and the standard deviation of e under the predicted probability q of being
wrong, w = u + (1 − u) · sqrt(q(1 − q)) / mean; predictions count as c = k · q. With more freedom (any weight and any c
for a row) the wealth grows by less than 2 % faster where q is true. It need not be: models take their corrections for
better than they are, and clean sets for worse. So the best bet, an f and a k, is made for each of three scenarios, in
which wrong rows are as many as predicted, fewer and more, and u is what takes the fewest rows in the mean of these.
That decides how soon a bound is proven, and never whether it holds.

Legend: N rows, G groups of rows with like predictions, F values of f.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from labelfix.data.arrays import Floats
from labelfix.runs.reading_plan import Bet

Side = Literal["below", "above"]

SCENARIOS = (0.5, 1.0, 1.25)
"""How many times as many rows may be wrong as a model says."""

MARGIN = 1.25
"""A share nearer to the bound than this takes more rows than anybody reads; no bet is made for it."""

UNIFORM, COUNTED = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25), (0.0, 0.5, 1.0)
PARTS = (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
HEDGE = 0.7
"""The bet that stands beside the best one where all scenarios have the same, as a part of it."""

GROUPS = 512
SMALLEST = 1e-5


@dataclass(frozen=True)
class Design:
    """How rows are drawn and betted on.

    Attributes:
        uniform: u.
        below: Bets on a share below the bound.
        above: Bets on a share above it.
    """

    uniform: float
    below: tuple[Bet, ...]
    above: tuple[Bet, ...]

    def weights(self, error: Floats) -> Floats:
        """`(N,)` w.

        Args:
            error: `(N,)` q, the model's probability that a row is wrong.
        """
        return _weights(_inside(error), self.uniform)


def design(error: Floats, bound: float) -> Design:
    """The design that is expected to decide soonest.

    Args:
        error: `(N,)` the model's probability that a row is wrong.
        bound: What is to be proven or refuted.
    """
    mean = float(_inside(error).mean())
    side: Side = "below" if mean < bound else "above"
    scenarios = [_Groups.of(moved_to(error, each), error) for each in _scenarios(mean, bound, side)]
    rows, uniform, bets = np.inf, 1.0, [Bet(0.0, PARTS[-1])]
    for u in UNIFORM:
        found = [each.best_bet(u, bound, side) for each in scenarios]
        needed = sum(1 / max(speed, SMALLEST) for speed, _ in found)
        if needed < rows:
            rows, uniform, bets = needed, u, [bet for _, bet in found]
    # What the other side is betted with, should the model be wrong altogether.
    there = min(2 * bound, (1 + bound) / 2) if side == "below" else bound / 2
    _, other_bet = _Groups.of(moved_to(error, there), error).best_bet(
        uniform, bound, "above" if side == "below" else "below"
    )
    own, others = _hedged(bets), _hedged([other_bet])
    return Design(uniform, *((own, others) if side == "below" else (others, own)))


def _scenarios(mean: float, bound: float, side: Side) -> set[float]:
    """Shares of wrong rows on one side of the bound."""
    fewer, as_many, more = (times * mean for times in SCENARIOS)
    if side == "below":
        return {min(share, bound / MARGIN) for share in (fewer, as_many, min(more, (mean + bound) / 2))}
    least = min(MARGIN * bound, (1 + bound) / 2)
    between = max(mean / SCENARIOS[-1], (mean + bound) / 2)
    return {max(share, least) for share in (between, as_many, min(mean / SCENARIOS[0], (1 + mean) / 2))}


def _hedged(bets: Sequence[Bet]) -> tuple[Bet, ...]:
    different = tuple(dict.fromkeys(bets))
    return different if len(different) > 1 else (Bet(bets[0].counted, HEDGE * bets[0].part), bets[0])


def growth(error: Floats, chosen: Design, mean: float, bound: float, side: Side) -> float:
    """By how much the log wealth grows a row where the mean share of wrong rows is so high.

    Args:
        error: `(N,)` the model's probability that a row is wrong.
        chosen: How rows are drawn and betted on.
        mean: The mean share of wrong rows that is assumed.
        bound: The bound.
        side: Of the bet.
    """
    groups = _Groups.of(moved_to(error, mean), error)
    bets = chosen.below if side == "below" else chosen.above
    return max(float(groups.growth(chosen.uniform, bet.counted, bound, side, [bet.part])[0]) for bet in bets)


def moved_to(error: Floats, mean: float) -> Floats:
    """`(N,)` probabilities moved on the logit scale to a mean, which is kept off 0 and 1."""
    wanted = float(np.clip(mean, 2 * SMALLEST, 1 - 2 * SMALLEST))
    odds = logit(_inside(error))

    def moved(shift: float) -> Floats:
        return _inside(expit(odds + shift))

    return moved(brentq(lambda shift: moved(shift).mean() - wanted, -40, 40))


def _inside(error: Floats) -> Floats:
    found: Floats = np.clip(error, SMALLEST, 1 - SMALLEST)
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
        q: `(G,)` mean q.
        spread: `(G,)` mean weight where u is 0.
    """

    share: Floats
    wrong: Floats
    q: Floats
    spread: Floats

    @classmethod
    def of(cls, wrong: Floats, error: Floats) -> _Groups:
        """Groups of equal size.

        Args:
            wrong: `(N,)` with which probability each row is taken to be wrong.
            error: `(N,)` what the model says of it.
        """
        q = _inside(error)
        group = np.empty(len(q), dtype=np.int64)
        group[np.argsort(q, kind="stable")] = np.arange(len(q)) * min(GROUPS, len(q)) // len(q)
        size = np.bincount(group)
        return cls(size / len(q), *(np.bincount(group, each) / size for each in (wrong, q, _weights(q, 0.0))))

    def best_bet(self, uniform: float, bound: float, side: Side) -> tuple[float, Bet]:
        """The best bet, and its growth."""
        found = {
            Bet(k, part): float(speed)
            for k in COUNTED
            for part, speed in zip(PARTS, self.growth(uniform, k, bound, side, PARTS), strict=True)
        }
        best = max(found, key=found.__getitem__)
        return found[best], best

    def growth(self, uniform: float, counted: float, bound: float, side: Side, parts: Sequence[float]) -> Floats:
        """`(F,)` expected log growth at the first draw, for some f."""
        weight, control = uniform + (1 - uniform) * self.spread, counted * self.q
        mean = float((self.share * control).sum())
        right, wrong = mean - control / weight, mean + (1 - control) / weight
        if side == "below":
            result = np.stack([bound - right, bound - wrong]) / max(float(wrong.max()) - bound, 1e-9)
        else:
            result = np.stack([right - bound, wrong - bound]) / max(bound - float(right.min()), 1e-9)
        odds = self.share * weight * np.stack([1 - self.wrong, self.wrong])
        f = np.asarray(parts)[:, None, None]
        found: Floats = (odds * np.log1p(f * np.maximum(result, -1))).sum(axis=(1, 2))
        return found
