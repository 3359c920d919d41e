"""Which of several fits of the same rows is kept: the fixed features', the last round's, or the mean of both.

All are asked about the trusted rows that no feature has seen, each row by a model that has not learned it. What counts
is −log P of the right label, by the soft label where the row has a given label of its own and by the classifier: both
are what a run writes. Kept is the most careful fit that is not worse than the best one by more than the standard error
of their difference.

Legend: R judging rows, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.tables import UNLABELLED
from labelfix.evidence.judges_answers import Donors, ask
from labelfix.numerics.paired_losses import surely_more

FROZEN, LEARNT, BOTH = "frozen", "learnt", "both"
"""The fits."""

CAREFUL = FROZEN, BOTH, LEARNT
"""The same, the most careful one first."""


@dataclass(frozen=True)
class Judged:
    """What trusted rows say of a fit.

    Attributes:
        losses: `(R,)` of each row.
        right: `(R,)` whether its label would be right: corrected where it has a given label, else predicted.
    """

    losses: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Choice:
    """The fit that is kept."""

    name: str
    judged: Mapping[str, Judged]

    @property
    def line(self) -> str:
        """What came of it, for a person."""
        before, after = (self.judged[name].right for name in (FROZEN, LEARNT if self.name == FROZEN else self.name))
        rows = f"of the {len(before)} trusted rows that no feature has seen"
        figures = f"{100 * before.mean():.1f} % → {100 * after.mean():.1f} % {rows} are right"
        if self.name == FROZEN:
            return f"learning features did not clearly help: {figures}; the run on fixed features is kept"
        beside = ", the mean of learnt and fixed features" if self.name == BOTH else ""
        if after.mean() <= before.mean():
            fixed, kept = (float(self.judged[name].losses.mean()) for name in (FROZEN, self.name))
            better = f"its probabilities are better (log loss {fixed:.3f} → {kept:.3f})"
            but = "though" if after.mean() < before.mean() else "and"
            return f"learning features helped: {better}, {but} {figures}{beside}"
        return f"learning features helped: {figures}{beside}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        rows = {
            name: {"nll": float(each.losses.mean()), "right": float(each.right.mean())}
            for name, each in self.judged.items()
        }
        return {"chosen": self.name, "judged_on": len(self.judged[FROZEN].losses), "fits": rows}


def judged(problem: Problem, model: FittedModel, rows: npt.NDArray[np.bool_]) -> Judged:
    """Ask a fit about `(M,)` some trusted rows."""
    assert model.held is not None
    held = model.held.only(rows[model.held.rows])
    donors = None
    if problem.opinions is not None:
        assert model.own_rows is not None
        donors = Donors(np.arange(len(problem.given)), model.own_rows.soft[:])
    asked = ask(problem, held, np.eye(problem.num_classes), 1, donors)
    losses = -asked.log_f[np.arange(len(asked.truth)), asked.truth]
    right = asked.log_f.argmax(axis=1) == asked.truth
    if asked.paired:
        pairs = asked.label != UNLABELLED
        row = asked.row[pairs]
        of_label = -asked.log_soft[np.arange(len(asked.row)), asked.answer][pairs]
        losses[row] = (losses[row] + of_label) / 2
        right[row] = (asked.log_soft.argmax(axis=1) == asked.answer)[pairs]
    return Judged(losses, right)


def choose(of: Mapping[str, Judged]) -> Choice:
    """Keep one.

    Args:
        of: Name → what was asked of it, `FROZEN` among them; of the same rows in the same order.
    """
    best = min(of, key=lambda name: float(of[name].losses.mean()))
    cautious = (name for name in CAREFUL if name in of and not surely_more(of[name].losses, of[best].losses))
    return Choice(next(cautious), of)
