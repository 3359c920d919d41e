"""A share of wrong rows, bounded from rows that are read one after another: valid however long one reads.

N rows, an unknown part of them wrong: e_i is 1 or 0, and θ = Σ e_i / N. Rows are drawn one after another, none twice,
each with a probability π_t(i) that is fixed before the draw and may depend on i. After t − 1 draws with S wrong rows,

    X_t = (S + Σ_left c_i + (e_I − c_I) / π_t(I)) / N

has mean θ, whatever is predicted for e by c. Whoever bets at every draw a part f of what he has on X_t being below m
multiplies what he has by

    1 + f · (m − X_t) / (X_max − m),      X_max the largest value that X_t can take,

whose mean is at most 1 where θ ≥ m. By Ville's inequality his wealth then ever exceeds 1 / α with probability α at
most: once it does, θ < m, and reading may stop at any time for any reason. The wealth grows with m, so the smallest m
that is refuted is an upper bound; a lower one comes from the mirrored bets. Several bets, each with an f and a c, are
made at once and their wealth is averaged. As they do not depend on answers, the wealth falls with every e_i: a row that
nobody can tell may be counted as wrong above and as right below, whoever chose what to leave out, and the bounds hold.

Sources: Shekhar, Xu, Lipton, Liang and Ramdas, "Risk-limiting financial audits via weighted sampling without
replacement", UAI 2023 (X_t, and draws by predictions); Waudby-Smith and Ramdas, "Estimating means of bounded random
variables by betting", JRSS B 2024; Xu, Karampatziakis and Mineiro, "Active, anytime-valid risk controlling prediction
sets", NeurIPS 2024; Angelopoulos and others, "Prediction-powered inference", Science 2023, and Zrnic and Candès,
"Active statistical inference", ICML 2024 (c and π from predictions).

Legend: N rows, n rows drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from labelfix.data.arrays import Floats
from labelfix.runs.reading_plan import Bet, Counted

Order = npt.NDArray[np.int64]

STEPS = 60
"""Halvings in which a bound is found: as exact as a float."""


@dataclass(frozen=True)
class Control:
    """The values of one control c at some draws.

    Attributes:
        own: `(n,)` c_I.
        left: `(n,)` sum of c over the rows that were not drawn before, the drawn one included.
        highest: `(n,)` the largest (1 − c_i) / π_t(i) among these.
        lowest: `(n,)` the largest c_i / π_t(i) among these.
    """

    own: Floats
    left: Floats
    highest: Floats
    lowest: Floats

    def __getitem__(self, part: slice) -> Control:
        return Control(self.own[part], self.left[part], self.highest[part], self.lowest[part])


@dataclass(frozen=True)
class Draws:
    """What is known about the first draws before they are answered.

    Attributes:
        chance: `(n,)` π_t(I), the probability with which the drawn row was drawn.
        controls: What bets count on → what its c says.
    """

    rows: int
    chance: Floats
    controls: Mapping[Counted, Control]

    def __getitem__(self, part: slice) -> Draws:
        return Draws(self.rows, self.chance[part], {kind: each[part] for kind, each in self.controls.items()})

    def __len__(self) -> int:
        return len(self.chance)


def draws_of(order: Order, weights: Floats, controls: Mapping[Counted, Floats], count: int) -> Draws:
    """The draws of an order in which rows are drawn with probabilities proportional to their weights.

    Args:
        order: `(N,)` all rows; see `draw_order`.
        weights: `(N,)` above 0.
        controls: What bets count on → `(N,)` c, 0 to 1.
        count: n.
    """
    w = weights[order]

    def over_rest(ufunc: np.ufunc, values: Floats) -> Floats:
        found: Floats = ufunc.accumulate(values[::-1])[::-1][:count]
        return found

    total = over_rest(np.add, w)

    def control(c: Floats) -> Control:
        highest, lowest = (over_rest(np.maximum, values / w) * total for values in (1 - c, c))
        return Control(c[:count], over_rest(np.add, c), highest, lowest)

    return Draws(len(order), w[:count] / total, {kind: control(c[order]) for kind, c in controls.items()})


def draw_order(weights: Floats, uniform: Floats) -> Order:
    """`(N,)` rows in an order in which each next one is drawn with probability proportional to its weight.

    Args:
        weights: `(N,)` above 0.
        uniform: `(N,)` random numbers in [0, 1), one a row.

    Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006.
    """
    return np.argsort(-np.log1p(-uniform) / weights, kind="stable")


def wealth_below(draws: Draws, wrong: Floats, bound: float, bets: Sequence[Bet]) -> Floats:
    """`(n,)` log of what bets on θ < bound have made of 1 after each answer.

    Args:
        draws: The draws (n of N rows).
        wrong: `(n,)` e of the drawn rows; 1 where nobody could tell.
        bound: m.
    """

    def result(counted: Counted) -> Floats:
        base, value = _values(draws, wrong, counted)
        return (bound - value) / _room((base + draws.controls[counted].highest) / draws.rows - bound)

    return _wealth(result, bets)


def wealth_above(draws: Draws, wrong: Floats, bound: float, bets: Sequence[Bet]) -> Floats:
    """`(n,)` the same of bets on θ > bound; e is 0 where nobody could tell."""

    def result(counted: Counted) -> Floats:
        base, value = _values(draws, wrong, counted)
        return (value - bound) / _room(bound - (base - draws.controls[counted].lowest) / draws.rows)

    return _wealth(result, bets)


def upper_bound(draws: Draws, wrong: Floats, bets: Sequence[Bet], alpha: float) -> float:
    """The smallest bound on θ from above that the answers have ever proven; 1 where none.

    Args:
        wrong: `(n,)` e; 1 where nobody could tell.
        alpha: How often it may be below θ at any time.
    """
    enough = -np.log(alpha)
    proven = _bisected(lambda m: bool(wealth_below(draws, wrong, m, bets).max(initial=0) >= enough), True)
    return min(proven, (float(wrong.sum()) + draws.rows - len(wrong)) / draws.rows)


def lower_bound(draws: Draws, wrong: Floats, bets: Sequence[Bet], alpha: float) -> float:
    """The largest bound on θ from below; 0 where none. Args as for `upper_bound`, with 0 where nobody could tell."""
    enough = -np.log(alpha)
    proven = _bisected(lambda m: bool(wealth_above(draws, wrong, m, bets).max(initial=0) >= enough), False)
    return max(proven, float(wrong.sum()) / draws.rows)


def estimate(draws: Draws, wrong: Floats, counted: Counted) -> float:
    """The mean of X_t: an estimate of θ from answers `(n,)` and predictions, unbiased at any fixed n."""
    return float(_values(draws, wrong, counted)[1].mean()) if len(draws) else float("nan")


def _values(draws: Draws, wrong: Floats, counted: Counted) -> tuple[Floats, Floats]:
    """`(n,)` S plus the sum of c over the rest, and `(n,)` X_t."""
    control = draws.controls[counted]
    base = np.cumsum(wrong) - wrong + control.left
    return base, (base + (wrong - control.own) / draws.chance) / draws.rows


def _room(room: Floats) -> Floats:
    """The divisor of a bet; where X cannot pass the bound, θ cannot either, and any bet is won."""
    return np.maximum(room, 1e-9)


def _wealth(result: Callable[[Counted], Floats], bets: Sequence[Bet]) -> Floats:
    results = {counted: np.maximum(result(counted), -1) for counted in {bet.counted for bet in bets}}
    won = [np.log1p(bet.part * results[bet.counted]).cumsum() for bet in bets]
    found: Floats = logsumexp(won, axis=0) - np.log(len(bets))
    return found


def _bisected(refuted: Callable[[float], bool], above: bool) -> float:
    """The end of the bounds that are refuted: of those above it, or of those below."""
    low, high = 0.0, 1.0
    if not refuted(high if above else low):
        return high if above else low
    for _ in range(STEPS):
        middle = (low + high) / 2
        if refuted(middle) == above:
            high = middle
        else:
            low = middle
    return high if above else low
