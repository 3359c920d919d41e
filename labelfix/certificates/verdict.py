"""What the answers prove: certified, not yet, or beyond reach.

Legend: n rows of the plan up to the last answered one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from labelfix.certificates.answers import Answered
from labelfix.certificates.plan import Campaign
from labelfix.numerics.rate_by_betting import Draws, estimate, lower_bound, upper_bound, wealth_below
from labelfix.numerics.reading_plan import growth, moved_to

Status = Literal["certified", "not yet", "cannot be reached"]

EXPECTED_COUNTS = 20
"""The expected rate weighs as much as this many rows when the rate is guessed."""

CHEAPER = 1.5
"""A bound this many times the estimated rate is proven with a bearable number of rows."""


@dataclass(frozen=True)
class Verdict:
    """What is proven, of the rows that nobody had checked before.

    Attributes:
        upper: No more than this share is wrong as exported.
        lower: No less than this share is.
        upper_left: No more than this share is wrong once the answers are written over the labels.
        lower_left: No less than this share is wrong then.
        guess: How many are wrong as exported, by answers and predictions together; no bound.
        more: About how many more rows would prove the bound; None where it does not look as if any number would.
        cheaper: A weaker bound that looks as if it could be proven, and about how many more rows that takes; None where
            the bound asked for looks as if it could be without reading all rows.
    """

    status: Status
    bound: float
    with_answers: bool
    upper: float
    lower: float
    upper_left: float
    lower_left: float
    guess: float
    more: int | None
    cheaper: tuple[float, int] | None


def judge(campaign: Campaign, said: Answered, bound: float, with_answers: bool) -> Verdict:
    """Judge the answers."""
    exported, plan = campaign.exported, campaign.plan
    draws, bets = campaign.draws(len(said.wrong)), campaign.design
    rows, whole = len(exported), len(exported) + exported.unread
    high = upper_bound(draws, said.at_worst, bets.below, plan.alpha)
    low = lower_bound(draws, said.at_best, bets.above, plan.alpha)
    # Rows that the run could not read count as wrong above and as right below.
    upper, lower = (rows * high + exported.unread) / whole, rows * low / whole
    mended = said.found / whole
    upper_left, lower_left = max(upper - mended, 0.0), max(lower - mended, 0.0)
    most, least = (upper_left, lower_left) if with_answers else (upper, lower)
    status: Status = "certified" if most <= bound else "cannot be reached" if least > bound else "not yet"
    front = said.without_gaps
    draws = campaign.draws(len(front.wrong))
    ahead = _Ahead(campaign, front, draws, _guess(campaign, front, draws), with_answers)
    more = 0 if status == "certified" else None if status == "cannot be reached" else ahead.rows_for(bound)
    hard = more is None or 0 < more >= rows - len(front.wrong)
    cheaper = ahead.cheaper(bound, most) if hard else None
    if more:  # some of them have been read before
        more -= int(said.seen[len(front.seen) : len(front.seen) + more].sum())
    return Verdict(status, bound, with_answers, upper, lower, upper_left, lower_left, ahead.mean, more, cheaper)


def _guess(campaign: Campaign, said: Answered, draws: Draws) -> float:
    own, n = campaign.plan.expected, len(said.wrong)
    if not n:
        return own
    seen = min(max(estimate(draws, said.wrong, campaign.design.below[-1].counted), 0.0), 1.0)
    return (EXPECTED_COUNTS * own + n * seen) / (EXPECTED_COUNTS + n)


@dataclass(frozen=True)
class _Ahead:
    """How many more rows a bound would take, were the guess right."""

    campaign: Campaign
    said: Answered
    draws: Draws
    mean: float
    with_answers: bool

    def rows_for(self, bound: float) -> int | None:
        """About how many more rows prove a bound; None where none would."""
        left = len(self.campaign.exported) - len(self.said.wrong)
        if self._missing(bound, left) > 0:
            return None
        few, enough = 0, left
        while enough - few > 1:
            middle = (few + enough) // 2
            few, enough = (few, middle) if self._missing(bound, middle) <= 0 else (middle, enough)
        return enough

    def cheaper(self, bound: float, proven: float) -> tuple[float, int] | None:
        """A weaker bound of two digits, and about how many more rows prove it."""
        wanted = max(CHEAPER * self.mean, bound)
        digits = 1 - math.floor(math.log10(wanted))
        weaker = math.ceil(wanted * 10**digits + 1e-9) / 10**digits
        if proven <= weaker:
            return math.ceil(proven * 1000) / 1000, 0
        more = self.rows_for(weaker) if weaker < 1 else None
        return None if more is None else (weaker, more)

    def _missing(self, bound: float, more: int) -> float:
        """The log wealth that would still be missing after that many more rows; above 0 also where it never comes."""
        exported, plan = self.campaign.exported, self.campaign.plan
        rows, read = len(exported), len(self.said.wrong)
        bets = self.campaign.design
        mended = 0.0
        if self.with_answers:
            chance = self.campaign.weights / self.campaign.weights.sum()
            hits = float((chance * moved_to(self.campaign.error, self.mean)).sum())
            # Reading all of the rest mends all of it.
            mended = self.said.found + min(more * hits, max(self.mean * rows - self.said.found, 0.0))
        inside = (bound * (rows + exported.unread) - exported.unread + mended) / rows
        if not self.mean < inside < 1:
            return 0.0 if inside >= 1 else math.inf
        have = float(wealth_below(self.draws, self.said.at_worst, inside, bets.below)[-1]) if read else 0.0
        campaign, wrong = self.campaign, moved_to(self.campaign.error, self.mean)
        speed = growth(wrong, campaign.weights, campaign.controls, bets.below, inside, "below")
        # As the rest shrinks, each draw tells more, and the last one tells all.
        gained = math.inf if more >= rows - read else speed * more / (1 - more / (rows - read))
        return -math.log(plan.alpha) - have - gained
