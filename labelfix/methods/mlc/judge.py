"""What trusted rows that were kept out say of a fitted LCN: temperatures, and whether it collapsed.

A trusted row has a given label only where it is paired. For the others every given label is tried, weighted by
the transition matrix of its class: the noise is then assumed independent of x given y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.correctors.contract import Held, Problem
from labelfix.correctors.network import CorrectionWeights, NetworkCorrector
from labelfix.data.arrays import Floats
from labelfix.data.split import CleanSplit
from labelfix.data.tables import UNLABELLED, Codes
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.finished_model import ChosenCorrector, chosen_and_judged, how_often_right
from labelfix.networks.loop import network_outputs
from labelfix.numerics.temperature import fit_temperature
from labelfix.numerics.transition import possible_labels

ENOUGH_HELD_OUT = 50
"""With fewer held-out rows the meta rows set temperatures too: they trained the classifier and the LCN indirectly."""


@dataclass(frozen=True)
class Right:
    """Shares of right labels among some trusted rows.

    Attributes:
        prior: Of the commonest class.
        paired: How many of them have a given label of their own.
    """

    corrected: float
    given: float
    prior: float
    rows: int
    paired: int

    def collapse(self, of: str) -> str | None:
        """See `HeldOutVerdict`; `of` is what the rows are to the networks, for people."""
        bar, name = max((self.given, "the given labels"), (self.prior, "the commonest class"))
        if self.rows == 0 or self.corrected >= bar:
            return None
        return (
            f"the label correction network looks collapsed: on {self.rows} trusted rows {of}, "
            f"{self.corrected:.1%} of its labels are right against {bar:.1%} of {name}; do not use these "
            "corrections; try --set lcn_learning_rate=1e-4, --set skip=true, more trusted rows or another --seed"
        )


@dataclass(frozen=True)
class HeldOutVerdict:
    """The verdict of the judging rows.

    Attributes:
        corrector: The LCN with its temperatures, that of the classifier among them.
        classifier_right: Plain values: how often the classifier is right on them.
        collapse: A sentence where corrected labels are worse than what was there before; None where they are not.
    """

    corrector: NetworkCorrector
    held: Held | None
    classifier_right: dict[str, Any]
    right: Right
    collapse: str | None


def judge_network(
    problem: Problem,
    split: CleanSplit,
    transition: Floats,
    classifier: Classifier,
    lcn: LabelCorrectionNetwork,
) -> HeldOutVerdict:
    """Fit the temperatures, and compare corrected with given labels on rows that were kept out.

    Args:
        transition: T, which no held-out row had a part in.
    """
    few = len(split.held_out) < ENOUGH_HELD_OUT
    every = np.arange(len(problem.truth), dtype=np.int64)
    logits, hidden = network_outputs(classifier, problem.clean, every, problem.device)
    which, given, weights = _with_given_labels(problem.truth, problem.paired_given, transition)
    trained = CorrectionWeights.of(lcn)
    said = NetworkCorrector(trained, 1.0, 1.0).log_soft(hidden[which], given)

    def choose(use: Codes) -> ChosenCorrector:
        rows = np.intersect1d(use, np.concatenate([split.held_out, split.meta]) if few else split.held_out)
        asked = np.isin(which, rows)
        temperature = fit_temperature(logits[rows], problem.truth[rows])
        of_lcn = fit_temperature(said[asked], problem.truth[which[asked]], weights[asked])
        return ChosenCorrector(NetworkCorrector(trained, of_lcn, temperature), temperature)

    def right(rows: Codes) -> Right:
        asked = np.isin(which, rows)
        truth, total = problem.truth[which[asked]], max(weights[asked].sum(), 1e-12)
        return Right(
            corrected=float((weights[asked] * (said[asked].argmax(axis=1) == truth)).sum() / total),
            given=float((weights[asked] * (given[asked] == truth)).sum() / total),
            prior=float(np.bincount(problem.truth[rows]).max() / len(rows)) if len(rows) else 0.0,
            rows=len(rows),
            paired=int((problem.paired_given[rows] != UNLABELLED).sum()),
        )

    chosen, held = chosen_and_judged(problem, split, classifier, choose)
    assert isinstance(chosen.corrector, NetworkCorrector)
    watched = np.union1d(split.held_out, split.meta) if few else split.held_out
    return HeldOutVerdict(
        corrector=chosen.corrector,
        held=held,
        classifier_right=how_often_right(problem, split, logits),
        right=right(split.judging[problem.judges[split.judging]]),
        collapse=right(watched).collapse("that taught it at second hand" if few else "it did not train on"),
    )


def _with_given_labels(
    truth: Codes, paired_given: Codes, transition: Floats
) -> tuple[Codes, Codes, npt.NDArray[np.float64]]:
    """Each paired row once with its own given label, each other row with those it could have had."""
    paired = np.flatnonzero(paired_given != UNLABELLED)
    others = np.flatnonzero(paired_given == UNLABELLED)
    row, label, weight = possible_labels(truth[others], transition)
    which = np.concatenate([paired, others[row]])
    given = np.concatenate([paired_given[paired], label])
    weights = np.concatenate([np.ones(len(paired)), weight])
    return which.astype(np.int64), given.astype(np.int64), weights
