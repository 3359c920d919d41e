"""Which rows to read, and how to bet on what is found, so that a bound on the share of wrong rows is proven soon.

Let q be the predicted probabilities of being wrong, and p those at the border: of mean m, the bound, and with
KL(q_i, p_i) the same for all rows. No set at the bound is harder to tell from q, and no bets grow faster than those on
q against p, with rows drawn by w = p(1 − p) / |p − q| and with c = p in X_t (see `rate_by_betting`). That is where q is
true. It need not be: models take their corrections for better than they are, and clean sets for worse, and near the
bound w = sqrt(q(1 − q)) and c = k · q lose less then. So for each of some scenarios, in which wrong rows are as many as
predicted, fewer and more, the best bet is made, an f and a c, and w is what takes the fewest rows in the mean of these,
mixed with an equal chance for all rows by a part u. That decides how soon a bound is proven, never whether it holds.

Source: Grünwald, de Heide and Koolen, "Safe testing", JRSS B 2024 (the border is a reverse information projection).

Legend: N rows, G groups of rows with like predictions, F values of f.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit, logit, rel_entr

from labelfix.data.arrays import Floats
from labelfix.numerics.rate_by_betting import Order
from labelfix.runs.reading_plan import Bet, Counted, Drawn, Side

SCENARIOS = (0.5, 1.0, 1.25)
"""How many times as many rows may be wrong as a model says."""

MARGIN = 1.25
"""A share nearer to the bound than this takes more rows than anybody reads; no bet is made for it."""

HOPELESS = 2.5
"""Where this many times the bound are expected, nothing is done in case the bound holds after all."""

UNIFORM = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25, 0.1)
"""u that are tried; never 0, at which rows that a wrong model is sure of would never be drawn."""

COUNTED = (0.0, 0.5, 1.0)
"""Multiples of q that bets may count on, beside those of the border of a side."""

PARTS = (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
"""Stakes that are tried; never all of what a bet has, which one wrong row would take for good."""

HEDGE = 0.7
"""The bet that stands beside the best one where all scenarios have the same, as a part of it."""

SIDES: tuple[Side, Side] = ("below", "above")
GROUPS = 512
"""A group for each row takes 35 times as long (3.5 s instead of 0.1 s for 50,000 rows). It chooses the same bets where
the bound is above the expected share; where it is below, bets win up to a fifth faster."""

SMALLEST = 1e-5
"""No prediction counts as surer than this: a model is wrong about one row in 100,000."""

STEPS, NEAR = 40, 1e-12
"""Newton's steps at most, and how far on the logit scale the last of them goes: a dozen, unless q is the border."""

NODES = 4001
"""Places at which the border is computed; a straight line joins them."""


@dataclass(frozen=True)
class Design:
    """How rows are drawn and betted on.

    Attributes:
        drawn: By the spread of e, or by the border of a side.
        below_from: The mean of q from which the border is taken of bets on a share below the bound.
        above_from: The same of bets on a share above it.
    """

    bound: float
    drawn: Drawn
    uniform: float
    below_from: float
    above_from: float
    below: tuple[Bet, ...]
    above: tuple[Bet, ...]

    def weights(self, error: Floats) -> Floats:
        """`(N,)` w, of mean 1, of the model's probability `(N,)` q that a row is wrong."""
        own = _spread(error) if self.drawn == "spread" else _telling(*self._border(error, self.drawn))
        return self.uniform + (1 - self.uniform) * own

    def controls(self, error: Floats) -> dict[Counted, Floats]:
        """The controls that bets use → `(N,)` c; `error` as for `weights`."""
        kinds = {bet.counted for bet in (*self.below, *self.above)}
        return {k: k * _inside(error) if isinstance(k, float) else self._border(error, k)[1] for k in kinds}

    def _border(self, error: Floats, side: Side) -> tuple[Floats, Floats]:
        q = moved_to(error, self.below_from if side == "below" else self.above_from)
        return q, border(q, self.bound)


def design(error: Floats, bound: float) -> Design:
    """The design that is expected to decide soonest, by the model's probability `(N,)` that a row is wrong."""
    mean = float(_inside(error).mean())
    scenarios = _scenarios(mean, bound)
    likely = {"below": mean < HOPELESS * bound, "above": mean >= bound}
    start = {side: shares[0] for side, shares in scenarios.items()}
    ends = {side: moved_to(error, share) for side, share in start.items()}
    borders = {side: border(q, bound) for side, q in ends.items()}
    groups = _Groups.of(error)
    controls: dict[Counted, Floats] = {k: k * groups.mean(_inside(error)) for k in COUNTED}
    controls |= {side: groups.mean(p) for side, p in borders.items()}
    shapes: dict[Drawn, Floats] = {"spread": groups.mean(_spread(error))}
    shapes |= {side: groups.mean(_telling(ends[side], borders[side])) for side in borders}
    wrong = {side: [groups.mean(moved_to(error, share)) for share in shares] for side, shares in scenarios.items()}

    def best(weights: Floats, wrong: Floats, side: Side) -> tuple[float, Bet]:
        found = [
            (float(speed), Bet(kind, part))
            for kind in (*COUNTED, side)
            for part, speed in zip(
                PARTS, groups.growth(weights, controls[kind], wrong, bound, side, PARTS), strict=True
            )
        ]
        return max(found, key=lambda each: each[0])

    def tried(drawn: Drawn, uniform: float) -> tuple[float, Design]:
        weights = uniform + (1 - uniform) * shapes[drawn]
        found = {side: [best(weights, each, side) for each in wrong[side]] for side in wrong}
        below, above = (_hedged([bet for _, bet in found[side]]) for side in SIDES)
        rows = sum(1 / max(speed, SMALLEST) for side in SIDES if likely[side] for speed, _ in found[side])
        return rows, Design(bound, drawn, uniform, start["below"], start["above"], below, above)

    return min((tried(drawn, uniform) for drawn in shapes for uniform in UNIFORM), key=lambda each: each[0])[1]


def _scenarios(mean: float, bound: float) -> dict[Side, list[float]]:
    """Shares of wrong rows on either side of the bound, on each first the one that is nearest to what is expected."""
    most, least = bound / MARGIN, min(MARGIN * bound, (1 + bound) / 2)
    fewer, more = (times * mean for times in (SCENARIOS[0], SCENARIOS[-1]))
    if mean < bound:
        below = [min(share, most) for share in (mean, min(more, (mean + bound) / 2), fewer)]
        above = [min(2 * bound, (1 + bound) / 2)]
    else:
        below = [min(fewer, most)]
        above = [max(share, least) for share in (mean, max(mean / SCENARIOS[-1], (mean + bound) / 2))]
    return {"below": list(dict.fromkeys(below)), "above": list(dict.fromkeys(above))}


def _hedged(bets: Sequence[Bet]) -> tuple[Bet, ...]:
    different = tuple(dict.fromkeys(bets))
    return different if len(different) > 1 else (Bet(bets[0].counted, HEDGE * bets[0].part), bets[0])


def growth(
    error: Floats, weights: Floats, controls: Mapping[Counted, Floats], bets: Sequence[Bet], bound: float, side: Side
) -> float:
    """By how much the log wealth grows a row at first, with the best one of some bets.

    Args:
        error: `(N,)` the probability with which each row is taken to be wrong.
        weights: `(N,)` w.
        controls: What bets count on → `(N,)` c.
    """
    groups = _Groups.of(error)
    w, wrong = groups.mean(weights), groups.mean(error)
    return max(
        float(groups.growth(w, groups.mean(controls[bet.counted]), wrong, bound, side, [bet.part])[0]) for bet in bets
    )


def moved_to(error: Floats, mean: float) -> Floats:
    """`(N,)` probabilities moved on the logit scale to a mean, which is kept off 0 and 1."""
    wanted = float(np.clip(mean, 2 * SMALLEST, 1 - 2 * SMALLEST))
    odds = logit(_inside(error))

    def moved(shift: float) -> Floats:
        return _inside(expit(odds + shift))

    return moved(brentq(lambda shift: moved(shift).mean() - wanted, -40, 40))


def border(error: Floats, bound: float) -> Floats:
    """`(N,)` p, the probabilities of mean m that are hardest to tell from q.

    Args:
        error: `(N,)` q, of another mean.
        bound: m.
    """
    q = _inside(error)
    groups = _Groups.of(q)
    means, above = groups.mean(q), bool(q.mean() < bound)
    # A row that is surely on its side of the bound tells as much as it can, and less than the others.
    told = brentq(lambda told: groups.share @ _at(means, told, above) - bound, 0, -2 * np.log(SMALLEST))
    # p is a smooth function of q alone.
    odds = np.linspace(logit(SMALLEST), logit(1 - SMALLEST), NODES)
    found: Floats = np.interp(logit(q), odds, _at(expit(odds), told, above))
    return found


def _at(q: Floats, told: float, above: bool) -> Floats:
    """The p above or below q with KL(q, p) = told, kept away from 0 and 1."""
    # KL(q, p) is convex in logit p, with slope p - q: steps from the far end never go past what they look for.
    odds = np.full_like(q, logit(1 - SMALLEST if above else SMALLEST))
    least = told - rel_entr(q, 1) - rel_entr(1 - q, 1)
    for _ in range(STEPS):
        over = -q * log_expit(odds) - (1 - q) * log_expit(-odds) - least
        slope = expit(odds) - q
        step = np.divide(over, slope, out=np.zeros_like(q), where=(over > 0) & (slope != 0))
        odds -= step
        if np.abs(step).max() < NEAR:
            break
    found: Floats = expit(odds)
    return found


def _inside(error: Floats) -> Floats:
    found: Floats = np.clip(error, SMALLEST, 1 - SMALLEST)
    return found


def _spread(error: Floats) -> Floats:
    q = _inside(error)
    spread = np.sqrt(q * (1 - q))
    found: Floats = spread / spread.mean()
    return found


def _telling(q: Floats, p: Floats) -> Floats:
    """Weights at which each bet on q against p is at stake alike, of mean 1."""
    weights = p * (1 - p) / np.maximum(np.abs(p - q), SMALLEST)
    found: Floats = weights / weights.mean()
    return found


@dataclass(frozen=True)
class _Groups:
    """Rows in groups of like predictions.

    Attributes:
        of_row: `(N,)` the group of each.
        share: `(G,)` of the rows.
    """

    of_row: Order
    share: Floats

    @classmethod
    def of(cls, error: Floats) -> _Groups:
        """Groups of equal size, of rows whose prediction is alike."""
        group = np.empty(len(error), dtype=np.int64)
        group[np.argsort(error, kind="stable")] = np.arange(len(error)) * min(GROUPS, len(error)) // len(error)
        return cls(group, np.bincount(group) / len(error))

    def mean(self, values: Floats) -> Floats:
        """`(G,)` means of some values of the rows."""
        found: Floats = np.bincount(self.of_row, values) / (self.share * len(self.of_row))
        return found

    def growth(
        self, weight: Floats, control: Floats, wrong: Floats, bound: float, side: Side, parts: Sequence[float]
    ) -> Floats:
        """`(F,)` expected log growth at the first draw, for some f; the others `(G,)`."""
        mean = float((self.share * control).sum())
        if_right, if_wrong = mean - control / weight, mean + (1 - control) / weight
        if side == "below":
            result = np.stack([bound - if_right, bound - if_wrong]) / max(float(if_wrong.max()) - bound, 1e-9)
        else:
            result = np.stack([if_right - bound, if_wrong - bound]) / max(bound - float(if_right.min()), 1e-9)
        odds = self.share * weight * np.stack([1 - wrong, wrong])
        f = np.asarray(parts)[:, None, None]
        found: Floats = (odds * np.log1p(f * np.maximum(result, -1))).sum(axis=(1, 2))
        return found
