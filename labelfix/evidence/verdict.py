"""The verdict: what the ledger says, in words, with a class of answer for programs.

The classifier. This run's, unless another entry is clearly better: its negative log-likelihood is lower by more than
.005 and by more than one standard error of the difference row by row. Of several, the one with the lowest. Likelihood
and not accuracy, because it tells ways apart that disagree on few rows: with 80 to 410 trusted rows the entry that this
rule recommended lacked at most .016 of the best one's test accuracy, and .024 where the most accurate entry was
recommended (docs/benchmarks.md). One standard error and not two, because staying with a worse run costs as much as
leaving a better one.

With fewer than 50 judged rows that says little, and noisy rows are heard where trusted ones do not contradict them
(`evidence.agreement`): of the entries that say no fewer given labels than the best, within one standard error, it is
the one with the lowest negative log-likelihood.

The labels, where there are pairs. `use`: corrected labels gain more than .005 and more than a standard error. `keep`:
they lose more than one, or the interval has no room for a gain of .02. `unclear`: neither.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from labelfix.data.intervals import Z95
from labelfix.evidence.agreement import FEW
from labelfix.evidence.ledger import Entry, Estimate, Ledger
from labelfix.evidence.rivals import CLEAN_ONLY, CONFIDENT_LEARNING, GLC, NOISY_AND_CLEAN, THIS_RUN

Labels = Literal["use", "keep", "unclear", "not measurable"]

LEAST = 0.005
"""A smaller difference is none."""

WORTH = 0.02
"""A gain in right labels that is worth having."""

METHOD = {
    CLEAN_ONLY: "clean-only",
    NOISY_AND_CLEAN: "mixed",
    GLC: "glc",
    CONFIDENT_LEARNING: "confident-learning",
}
"""What `--method` calls an entry."""


@dataclass(frozen=True)
class Verdict:
    """Advice.

    Attributes:
        labels: Whether to use the corrected labels.
        classifier: The entry of the ledger whose classifier to use.
        sentence: All of it in words, one line.
    """

    labels: Labels
    classifier: str
    sentence: str

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return asdict(self)


def conclude(ledger: Ledger) -> Verdict:
    """What to do.

    Args:
        ledger: What was measured.
    """
    labels, classifier = labels_of(ledger.difference), classifier_of(ledger)
    parts = [_of_labels(ledger, labels), _of_classifier(ledger, classifier)]
    if ledger.rows < FEW:
        rows = "1 trusted row judges" if ledger.rows == 1 else f"{ledger.rows} trusted rows judge"
        parts.append(f"only {rows} this, too few to be sure of it: add trusted rows")
    return Verdict(labels, classifier, "; ".join(parts))


def labels_of(difference: Estimate | None) -> Labels:
    """Whether corrected labels are better than given ones.

    Args:
        difference: Share of right labels, corrected minus given; None where it is not known.
    """
    if difference is None:
        return "not measurable"
    if difference.value > max(LEAST, _error(difference)):
        return "use"
    if -difference.value > max(LEAST, _error(difference)) or difference.high < WORTH:
        return "keep"
    return "unclear"


def classifier_of(ledger: Ledger) -> str:
    """The name of the entry whose classifier to use."""
    if ledger.noisy_rows_heard:
        return min(_that_agree(ledger), key=lambda each: each.nll.value).name
    better = [each for each in ledger.entries if each.name != THIS_RUN and _clearly(each.nll_gain)]
    return max(better, key=lambda each: each.nll_gain.value).name if better else THIS_RUN


def _that_agree(ledger: Ledger) -> list[Entry]:
    """The entries that say as many given labels as the one that says most."""
    asked = [(each, each.agreement_gap) for each in ledger.entries]
    return [each for each, gap in asked if gap is not None and gap.value <= _error(gap)]


def _clearly(gain: Estimate) -> bool:
    return gain.value > max(LEAST, _error(gain))


def _error(estimate: Estimate) -> float:
    """The standard error, from the interval."""
    return (estimate.high - estimate.low) / (2 * Z95)


def _of_labels(ledger: Ledger, labels: Labels) -> str:
    before, after, difference = ledger.given_labels, ledger.corrected_labels, ledger.difference
    if before is None or after is None or difference is None:
        return (
            "whether corrected labels are better than the given ones is not measurable without pairs, "
            "trusted rows that stand in the noisy file with a given label"
        )
    measured = f"of corrected labels {after.value:.1%} are right, of given ones {before.value:.1%}"
    if labels == "use":
        return f"use the corrected labels: {measured}"
    if labels == "unclear":
        span = f"{difference.low:+.1%} to {difference.high:+.1%}"
        return f"it is unclear whether the corrected labels are better: {measured}, a difference of {span}"
    if difference.value < 0:
        return f"the given labels are better than any correction here, change nothing: {measured}"
    return f"the corrected labels gain nothing worth having, change nothing: {measured}"


def _of_classifier(ledger: Ledger, name: str) -> str:
    run, chosen = ledger.entry(THIS_RUN), ledger.entry(name)
    if name == THIS_RUN:
        return _of_this_run(ledger, run)
    do = {
        CLEAN_ONLY: "the trusted rows alone do better than this run, add trusted rows or",
        NOISY_AND_CLEAN: "the given labels as they are teach a better classifier than this run,",
    }.get(name, f"{name} does better than this run,")
    measured = _against(chosen, run)
    if ledger.noisy_rows_heard and chosen.agreement is not None and run.agreement is not None:
        said = f"{chosen.agreement.value:.1%} against {run.agreement.value:.1%} by this run"
        measured = f"of {chosen.agreement.rows:,} given labels that neither had learned it says {said}"
    return f"{do} use --method {METHOD[name]}: {measured}"


def _of_this_run(ledger: Ledger, run: Entry) -> str:
    others = [each for each in ledger.entries if each.name != THIS_RUN]
    if not others:
        return f"this run's classifier is right on {run.accuracy.value:.1%}; no trusted row was left to compare it with"
    said = f"none of {len(others)} simpler ways gives a clearly better classifier than this run"
    alone = next((each for each in others if each.name == CLEAN_ONLY), None)
    if alone is None:
        return said
    if not alone.nll_gain.value < -max(LEAST, _error(alone.nll_gain)):
        return f"{said}, but the trusted rows alone do about as well, so more of them would help most"
    return f"{said}: {_against(run, alone, 'by the trusted rows alone')}"


def _against(one: Entry, other: Entry, by: str = "by this run") -> str:
    return (
        f"{one.accuracy.value:.1%} right against {other.accuracy.value:.1%} {by}, "
        f"NLL {one.nll.value:.3f} against {other.nll.value:.3f}"
    )
