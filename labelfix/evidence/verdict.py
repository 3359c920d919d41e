"""The ledger in words: use the corrected labels, keep the given ones, or get more trusted rows. Advice, no more."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from labelfix.evidence.ledger import THIS_RUN, Entry, Ledger
from labelfix.evidence.rivals import CLEAN_ONLY

Labels = Literal["use", "keep", "unclear", "not measurable"]

FEW = 20
"""With fewer held rows than this nothing is told apart."""

NEGLIGIBLE = 0.005
"""A smaller difference in right labels is none."""


@dataclass(frozen=True)
class Verdict:
    """What to do.

    Attributes:
        labels: Of the corrected labels: use them, keep the given ones, unclear, or not measurable.
        classifier: The entry of the ledger to use.
        sentence: Both in words.
    """

    labels: Labels
    classifier: str
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def conclude(ledger: Ledger) -> Verdict:
    """Judge the ledger.

    The run's classifier is recommended unless a rival makes the trusted labels likelier by more than the paired
    difference's 95 % interval, or is right more often by as much without making them less likely.

    Args:
        ledger: The entries, with the run among them.
    """
    labels, about_labels = _labels(ledger)
    if ledger.rows < FEW:
        few = f"{ledger.rows} trusted rows are too few to tell whether this helped; add trusted rows"
        return Verdict("unclear" if labels != "not measurable" else labels, THIS_RUN, few)
    ahead = [each for each in ledger.entries if each.name != THIS_RUN and _clearly_ahead(each)]
    rival = min(ahead, key=lambda each: each.nll.value, default=None)
    if rival is None:
        about = "no simpler classifier does clearly better on trusted rows"
    elif rival.name == CLEAN_ONLY:
        about = "the trusted rows alone make a better classifier: the noisy ones do not help here; add trusted rows"
    else:
        about = f"a simpler way makes a better classifier here: {rival.name} ({rival.about})"
    return Verdict(labels, THIS_RUN if rival is None else rival.name, f"{about_labels}; {about}")


def _labels(ledger: Ledger) -> tuple[Labels, str]:
    before, after, gain = ledger.given_labels, ledger.corrected_labels, ledger.difference
    if before is None or after is None or gain is None:
        return "not measurable", "whether the corrected labels are better is not measurable without pairs"
    shares = f"{after.value:.1%} right against {before.value:.1%} on {gain.rows:,} trusted rows"
    if abs(gain.value) < NEGLIGIBLE:
        return (
            "unclear",
            f"corrected and given labels are about equally good ({shares}): change nothing, or look closer",
        )
    if gain.value > 0:
        return "use", f"use the corrected labels ({shares})"
    return "keep", f"the given labels are better than any correction here, change nothing ({shares})"


def _clearly_ahead(rival: Entry) -> bool:
    """Likelier by more than chance, or right more often by more than chance and not less likely."""
    return rival.nll_gain.low > 0 or (rival.gain.low > 0 and rival.nll_gain.value >= 0)
