"""The ledger in words: use the corrected labels, keep the given ones, or get more trusted rows. Advice, no more."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from labelfix.evidence.ledger import THIS_RUN, Entry, Ledger

Labels = Literal["use", "keep", "unclear", "not measurable"]

FEW = 20
"""With fewer held rows than this nothing is told apart."""

CLEARLY = 2.0
"""Standard errors by which a rival must be ahead to be recommended in this run's place."""

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

    The run's classifier is recommended unless a rival makes the trusted labels likelier by more than two standard
    errors of the paired difference, or is right more often by as much without making them less likely.

    Args:
        ledger: The entries, with the run among them.
    """
    own = next(entry for entry in ledger.entries if entry.name == THIS_RUN)
    rows = len(own.truth)
    labels, about_labels = _labels(ledger)
    if rows < FEW:
        few = f"{rows} trusted rows are too few to tell whether this helped; add trusted rows"
        return Verdict("unclear" if labels != "not measurable" else labels, THIS_RUN, few)
    rival = _ahead(own, [entry for entry in ledger.entries if entry is not own])
    if rival is None:
        about = "no simpler classifier does clearly better on trusted rows"
    elif rival.name == "clean-only":
        about = "the trusted rows alone make a better classifier: the noisy ones do not help here; add trusted rows"
    else:
        about = f"a simpler way makes a better classifier here: {rival.name} ({rival.about})"
    return Verdict(labels, THIS_RUN if rival is None else rival.name, f"{about_labels}; {about}")


def _labels(ledger: Ledger) -> tuple[Labels, str]:
    if ledger.given_right is None or ledger.corrected_right is None:
        return "not measurable", "whether the corrected labels are better is not measurable without pairs"
    before, after = float(ledger.given_right.mean()), float(ledger.corrected_right.mean())
    shares = f"{after:.1%} right against {before:.1%} on {len(ledger.given_right):,} trusted rows"
    gain = after - before
    if abs(gain) < NEGLIGIBLE:
        return (
            "unclear",
            f"corrected and given labels are about equally good ({shares}): change nothing, or look closer",
        )
    if gain > 0:
        return "use", f"use the corrected labels ({shares})"
    return "keep", f"the given labels are better than any correction here, change nothing ({shares})"


def _ahead(own: Entry, rivals: list[Entry]) -> Entry | None:
    """The best rival that is clearly ahead; None where there is none."""
    found = [rival for rival in rivals if _clearly(own.losses - rival.losses)]
    right = [
        rival
        for rival in rivals
        if _clearly(rival.right.astype(np.float64) - own.right) and rival.losses.mean() <= own.losses.mean()
    ]
    return min([*found, *right], key=lambda rival: float(rival.losses.mean()), default=None)


def _clearly(gain: np.ndarray) -> bool:
    spread = float(gain.std(ddof=1)) / len(gain) ** 0.5
    return bool(gain.mean() > CLEARLY * spread and gain.mean() > 0)
