"""How many labels are right on the rows that nobody has checked, after `labelfix next` had some of them answered.

The rows that `next` chose, C of them, are hard and known; the trusted rows that a person drew speak of all L rows, the
hard ones among them. So of the L − C rows that are still unchecked the share that is right is

    u = (L p − C q) / (L − C)

with p from the drawn rows and q from the chosen ones, both by models that never saw the row. q is known where every
chosen row has been asked about, and estimated from a part of them where only a part has. The interval puts the two
together as Newcombe does (Statistics in Medicine 1998): each distance from the estimate squared, and added.

Legend: L labelled rows that were not drawn, C chosen ones among them, M trusted rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from labelfix.correctors.calibrated import CalibratedCorrector
from labelfix.correctors.contract import Held, Problem
from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, Codes
from labelfix.evidence.calibrate import Calibrated
from labelfix.evidence.judges_answers import ask
from labelfix.evidence.ledger import Estimate, Ledger, paired_difference, share
from labelfix.heads.rows import features_of
from labelfix.models.features import FeatureInputs, select


@dataclass(frozen=True)
class Answered:
    """The labels of rows that `next` chose and that were predicted out of sample.

    Attributes:
        given: `(n,)` whether the given label was right.
        corrected: `(n,)` whether the corrected one is, by a model that never saw the answer.
        chosen: C, chosen rows with a given label: n of them were asked about.
    """

    given: npt.NDArray[np.bool_]
    corrected: npt.NDArray[np.bool_]
    chosen: int
    rows: int

    def taken_out(self, ledger: Ledger) -> Ledger:
        """The ledger with its labels' shares of right ones for the rows that are still unchecked."""
        before, after, gain = ledger.given_labels, ledger.corrected_labels, ledger.difference
        if before is None or after is None or gain is None:
            return ledger
        w = np.ones(len(self.given))
        of_chosen: tuple[Estimate | None, ...] = (None, None, None)
        if len(w):
            of_chosen = share(self.given, w), share(self.corrected, w), paired_difference(self.corrected, self.given, w)
        return replace(
            ledger,
            given_labels=self._unchecked(before, of_chosen[0], 0.0),
            corrected_labels=self._unchecked(after, of_chosen[1], 0.0),
            difference=self._unchecked(gain, of_chosen[2], -1.0),
        )

    def _unchecked(self, drawn: Estimate, chosen: Estimate | None, least: float) -> Estimate:
        """u with its interval; `least` is the smallest value there is, 1 the largest."""
        if self.rows <= self.chosen:
            return drawn
        rest = self.rows - self.chosen
        a, c = self.rows / rest, self.chosen / rest
        if chosen is None:  # nothing is known of them
            q, down, up = drawn.value, drawn.value - least, 1 - drawn.value
        else:
            unseen = float(np.sqrt(max(1 - chosen.rows / self.chosen, 0.0)))
            q, down, up = chosen.value, unseen * (chosen.value - chosen.low), unseen * (chosen.high - chosen.value)
        value = a * drawn.value - c * q
        low = value - float(np.hypot(a * (drawn.value - drawn.low), c * up))
        high = value + float(np.hypot(a * (drawn.high - drawn.value), c * down))
        value, low, high = (min(max(each, least), 1.0) for each in (value, low, high))
        return Estimate(value, low, high, drawn.rows)


def ask_chosen(problem: Problem, held: Held, found: Calibrated) -> Answered | None:
    """Ask the judging models about the chosen rows.

    Args:
        held: All rows that can be judged, those that `next` chose among them.
        found: The calibrated fit; chosen rows had no part in its scale and threshold.

    Returns:
        None where no chosen row has a given label.
    """
    labelled = problem.paired_given != UNLABELLED
    chosen = int((labelled & ~problem.judges).sum())
    if not chosen:
        return None
    rows = len(problem.given) + chosen
    some = held.only((labelled & ~problem.judges)[held.rows])
    if not len(some.rows):
        none = np.zeros(0, dtype=bool)
        return Answered(none, none, chosen, rows)
    asked = ask(problem, some, np.eye(problem.num_classes), least_pairs=1)
    log_soft, corrector = asked.log_soft, found.fitted.corrector
    if found.kind != "none" and isinstance(corrector, CalibratedCorrector):
        log_soft = corrector.scale(log_soft)
    sure = np.exp(log_soft.max(axis=1)) >= found.fitted.min_confidence
    corrected = np.where(sure, log_soft.argmax(axis=1), asked.label)
    return Answered(asked.label == asked.answer, corrected == asked.answer, chosen, rows)


def unanswered(problem: Problem) -> Problem:
    """The problem before `next` asked: its chosen rows are noisy rows again, not trusted ones.

    What the given labels of the file are like is estimated on it: the rows that were drawn speak of all of them.
    """
    judges = problem.judges
    if judges.all():
        return problem
    back = np.flatnonzero(~judges & (problem.paired_given != UNLABELLED))
    rest = np.flatnonzero(judges)
    noisy = problem.noisy
    if problem.family == "head":
        noisy = FeatureInputs(
            np.concatenate([features_of(noisy, np.arange(len(noisy))), features_of(problem.clean, back)])
        )
    given = np.concatenate([problem.given, problem.paired_given[back]])
    return replace(only_trusted(problem, rest), noisy=noisy, given=given, opinions=_opinions(problem, back))


def only_trusted(problem: Problem, rows: Codes) -> Problem:
    """The problem with `(m,)` some of its trusted rows alone."""
    return replace(
        problem,
        clean=select(problem.clean, rows),
        truth=problem.truth[rows],
        paired_given=problem.paired_given[rows],
        chosen=None if problem.chosen is None or problem.judges[rows].all() else problem.chosen[rows],
        taught=None if problem.taught is None else problem.taught[rows],
        paired_opinions=None if problem.paired_opinions is None else problem.paired_opinions.take(rows),
    )


def _opinions(problem: Problem, back: Codes) -> Opinions | None:
    """Opinions of the sources on the noisy rows, including some trusted rows that are noisy again."""
    if problem.opinions is None or problem.paired_opinions is None:
        return None
    return Opinions.together(problem.opinions, problem.paired_opinions.take(back))
