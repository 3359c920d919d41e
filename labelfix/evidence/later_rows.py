"""What can be said of new rows that a run has corrected: under which assumption, and whether it can hold.

A guarantee for new rows rests on their being like the trusted rows. That cannot be proved, but it can be seen to fail:
where the shares of given or predicted classes differ from those of the run's own rows by more than chance and by more
than one row in twenty, where given
labels look wrong more or less often than those of the trusted rows, or where the rows are those that the run was
trained on.

Legend: n rows, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labelfix.data.arrays import Counts
from labelfix.data.labels.noise_rate import OPINION_FROM
from labelfix.data.labels.same_shares import MAX_DRIFT, distance_of, same_shares
from labelfix.data.sampling import LEVEL
from labelfix.data.tables import UNLABELLED, ClassNames, Codes, Probabilities
from labelfix.evidence.judges_answers import QUESTIONS
from labelfix.evidence.saved_judges import Judges

ASSUMED = "these rows come from where the run's trusted rows come from, and their labels were given in the same way"
"""What is assumed of new rows, for people."""

PREDICTED = "are predicted as"

OTHERWISE = 4.0
"""Standard errors by which given labels look wrong more or less often, and are taken to be given in another way."""

OWN = "they are the rows that the run was trained on, whose given labels its models have learned: flag the run itself"
"""Why that does not hold for a run's own rows."""


@dataclass
class LaterRows:
    """Gathers predictions for new rows, block by block.

    Attributes:
        total: n if known beforehand; of many rows only a regular subsample is kept for the noise rate.
        given: `(K,)` rows of each given label.
        predicted: `(K,)` rows of each predicted class, of those with a given label.
    """

    judges: Judges
    classes: ClassNames
    total: int
    given: Counts = field(init=False)
    predicted: Counts = field(init=False)
    rows: int = 0
    _soft: list[Probabilities] = field(default_factory=list)
    _labels: list[Codes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.given = np.zeros(len(self.classes), dtype=np.int64)
        self.predicted = np.zeros(len(self.classes), dtype=np.int64)

    def see(self, given: Codes, predicted: Codes, soft: Probabilities) -> None:
        """Take a block up.

        Args:
            given: `(n,)` given labels; -1 where there is none or the row could not be read.
            predicted: `(n,)` what the classifier says.
            soft: `(n, K)` mean soft labels of the judging models.
        """
        labelled = np.flatnonzero(given != UNLABELLED)
        self.rows += len(given)
        self.given += np.bincount(given[labelled], minlength=len(self.classes))
        self.predicted += np.bincount(predicted[labelled], minlength=len(self.classes))
        kept = labelled[:: max(-(-self.total // QUESTIONS), 1)]
        self._soft.append(soft[kept])
        self._labels.append(given[kept])

    def figures(self, own_given: Counts, own_predicted: Counts, same: bool) -> dict[str, Any]:
        """Plain values, for the file of corrected labels.

        Args:
            own_given: `(K,)` rows of the run of each given label.
            own_predicted: `(K,)` likewise of each predicted class.
            same: Whether the rows are the run's own.
        """
        soft, labels = np.concatenate(self._soft), np.concatenate(self._labels)
        noise = self.judges.noise_of(soft, labels)
        lost = [OWN] if same else []
        for what, here, there in (
            ("have the given label", self.given, own_given),
            (PREDICTED, self.predicted, own_predicted),
        ):
            if not same and (found := other_shares(what, here, there, self.classes)):
                lost.append(found)
        if not same and (found := self._otherwise_labelled(soft, labels)):
            lost.append(found)
        return {
            "guarantee": dict(self.judges.guarantee),
            "noise": None if noise is None else noise.to_json(self.classes.names),
            "new_rows": {"rows": self.rows, "labelled": int(self.given.sum()), "assumed": ASSUMED, "not_met": lost},
        }

    def _otherwise_labelled(self, soft: Probabilities, given: Codes) -> str:
        """A sentence if given labels look wrong more or less often than those of the pairs; else empty.

        Args:
            soft: `(m, K)` mean soft labels of some of the rows.
            given: `(m,)` their given labels.
        """
        judges = self.judges
        if judges.sampling != "random" or min(len(judges.truth), len(given)) < OPINION_FROM:
            return ""
        of_new = 1 - soft[np.arange(len(given)), given].astype(np.float64)
        of_pairs = 1 - judges.soft[np.arange(len(judges.given)), judges.given].astype(np.float64)
        error = float(np.hypot(of_new.std() / np.sqrt(len(of_new)), of_pairs.std() / np.sqrt(len(of_pairs))))
        if abs(of_new.mean() - of_pairs.mean()) < OTHERWISE * error:
            return ""
        here, there = (f"{100 * each.mean():.3g} %" for each in (of_new, of_pairs))
        return (
            f"their given labels look wrong in {here} of all cases, and those of the rows you checked in {there}; "
            "so they were given in another way, or these are other rows"
        )


def other_shares(what: str, here: Counts, there: Counts, classes: ClassNames) -> str:
    """A sentence if class shares differ from the run's by more than chance and than a little; else empty."""
    p = same_shares(here, there)
    if p is None or p >= LEVEL or distance_of(here, there) <= MAX_DRIFT:
        return ""
    ours, theirs = here / here.sum(), there / there.sum()
    most = int(np.abs(ours - theirs).argmax())
    here_, there_ = (f"{100 * shares[most]:.3g} %" for shares in (ours, theirs))
    return (
        f'{here_} of these rows {what} "{classes.names[most]}", and {there_} of the run\'s; '
        f"the shares of the classes differ by more than chance makes (p = {p:.1g})"
    )
