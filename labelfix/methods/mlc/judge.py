"""What trusted rows that were kept out say of a fitted LCN: temperatures, and whether it collapsed.

A trusted row has a given label only where it is paired. For the others every given label is tried, weighted by
the transition matrix of its class: the noise is then assumed independent of x given y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelfix.correction.base import Problem
from labelfix.correction.calibration import fit_temperature
from labelfix.correction.network import Lcn, NetworkCorrector
from labelfix.correction.transition import Matrix, possible_labels
from labelfix.data.split import CleanSplit
from labelfix.data.tables import UNLABELLED, Codes
from labelfix.models.classifier import Classifier
from labelfix.training.loop import outputs

ENOUGH_HELD_OUT = 50
"""With fewer held-out rows the meta rows are judged on too: they never trained the classifier or the LCN directly."""


@dataclass(frozen=True)
class Judgement:
    """The verdict of the judging rows.

    Attributes:
        corrector: The LCN with its temperatures.
        temperature: Of the classifier's logits.
        corrected_right: Share of judging rows whose corrected label is right.
        given_right: Share whose given label is right.
        prior_right: Share of the commonest class among the trusted rows.
        rows: How many rows were judged.
        paired: How many of them have a given label of their own.
    """

    corrector: NetworkCorrector
    temperature: float
    corrected_right: float
    given_right: float
    prior_right: float
    rows: int
    paired: int

    @property
    def collapse(self) -> str | None:
        """A sentence where corrected labels are worse than what was there before; None where they are not."""
        bar, name = max((self.given_right, "the given labels"), (self.prior_right, "the commonest class"))
        if self.rows == 0 or self.corrected_right >= bar:
            return None
        return (
            f"the label correction network looks collapsed: on {self.rows} trusted rows it did not train on, "
            f"{self.corrected_right:.1%} of its labels are right against {bar:.1%} of {name}; do not use these "
            "corrections; try --set lcn_learning_rate=1e-4, --set skip=true, more trusted rows or another --seed"
        )


def judge(
    problem: Problem,
    split: CleanSplit,
    transition: Matrix,
    classifier: Classifier,
    lcn: Lcn,
) -> Judgement:
    """Fit the temperatures and compare corrected with given labels on rows that were kept out."""
    rows = split.held_out
    if len(rows) < ENOUGH_HELD_OUT:
        rows = np.sort(np.concatenate([split.held_out, split.meta]))
    logits, hidden = outputs(classifier, problem.clean, rows, problem.device)
    truth = problem.truth[rows]
    which, given, weights = _with_given_labels(truth, problem.paired_given[rows], transition)
    temperature = fit_temperature(logits, truth)
    raw = NetworkCorrector(lcn, 1.0, temperature).log_soft(logits[which], hidden[which], given)
    corrector = NetworkCorrector(lcn, fit_temperature(raw, truth[which], weights), temperature)
    total = max(weights.sum(), 1e-12)
    return Judgement(
        corrector=corrector,
        temperature=temperature,
        corrected_right=float((weights * (raw.argmax(axis=1) == truth[which])).sum() / total),
        given_right=float((weights * (given == truth[which])).sum() / total),
        prior_right=float(np.bincount(truth).max() / len(truth)) if len(truth) else 0.0,
        rows=len(rows),
        paired=int((problem.paired_given[rows] != UNLABELLED).sum()),
    )


def _with_given_labels(
    truth: Codes, paired_given: Codes, transition: Matrix
) -> tuple[Codes, Codes, npt.NDArray[np.float64]]:
    """Each paired row once with its own given label, each other row with those it could have had."""
    paired = np.flatnonzero(paired_given != UNLABELLED)
    others = np.flatnonzero(paired_given == UNLABELLED)
    row, label, weight = possible_labels(truth[others], transition)
    which = np.concatenate([paired, others[row]])
    given = np.concatenate([paired_given[paired], label])
    weights = np.concatenate([np.ones(len(paired)), weight])
    return which.astype(np.int64), given.astype(np.int64), weights
