"""The verdict: what the ledger says of the labels, in words, with a class of answer for programs.

The labels, where there are pairs. `use`: corrected labels gain more than .005 and more than a standard error. `keep`:
they lose more than one, or the interval has no room for a gain of .02. `unclear`: neither. `not measurable`: there are
no pairs or too few, all judged rows are of one class, which says nothing of the others, or they were picked.

The classifier. This run's, unless another entry is clearly better: its negative log-likelihood is lower by more than
.005 and by more than one standard error of the difference row by row. Of several, the one with the lowest. Likelihood
and not accuracy, because it tells ways apart that disagree on few rows: with 80 to 410 trusted rows the entry that this
rule picks lacked at most .016 of the best one's test accuracy, and .024 where the most accurate entry was picked
(docs/benchmarks.md). One standard error and not two, because staying with a worse run costs as much as leaving a better
one. With fewer than 50 judged rows that says little, and noisy rows are heard where trusted ones do not contradict them
(`evidence.noisy_judges`): of the entries that say no fewer given labels than the best, within one standard error, it is
the one with the lowest negative log-likelihood.

The entry is marked in the ledger and no advice is made of it: that a classifier is better on a handful of rows says
nothing of the labels that its method would write. Followed as advice, it took corrected labels from 94.3 to 67.8 %
right on handwritten digits (docs/decisions/verdict-on-labels.md).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from labelfix.data.intervals import Z95
from labelfix.evidence.ledger import Entry, Estimate, Ledger
from labelfix.evidence.noisy_judges import FEW
from labelfix.evidence.rivals import THIS_RUN

Labels = Literal["use", "keep", "unclear", "not measurable"]

LEAST = 0.005
"""A smaller difference is none."""

WORTH = 0.02
"""A gain in right labels that is worth having."""


@dataclass(frozen=True)
class Verdict:
    """Advice."""

    labels: Labels
    classifier: str
    sentence: str

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return asdict(self)


def conclude(ledger: Ledger) -> Verdict:
    """The verdict: what to use."""
    one_class = ledger.judged_classes < 2 <= ledger.classes
    labels = "not measurable" if one_class else labels_of(ledger.difference)
    sentence = _one_class(ledger) if one_class else _of_labels(ledger, labels)
    if ledger.rows < FEW and not one_class and ledger.difference is not None:
        rows = "1 trusted row judges" if ledger.rows == 1 else f"{ledger.rows} trusted rows judge"
        sentence += f"; only {rows} this, too few to be sure of it: add trusted rows"
    return Verdict(labels, classifier_of(ledger), sentence + _of_chosen(ledger))


def labels_of(difference: Estimate | None) -> Labels:
    """The verdict on labels, by the share of right ones, corrected minus given; None where that is not known."""
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
    others = [each for each in ledger.entries if each.name != THIS_RUN and not each.reads_labels]
    better = [each for each in others if each.nll_gain.value > max(LEAST, _error(each.nll_gain))]
    return max(better, key=lambda each: each.nll_gain.value).name if better else THIS_RUN


def _that_agree(ledger: Ledger) -> list[Entry]:
    asked = [(each, each.agreement_gap) for each in ledger.entries]
    return [each for each, gap in asked if gap is not None and gap.value <= _error(gap)]


def _error(estimate: Estimate) -> float:
    return (estimate.high - estimate.low) / (2 * Z95)


def _of_chosen(ledger: Ledger) -> str:
    if not ledger.chosen:
        return ""
    rows = (
        "1 more, which was not drawn at random, trains and judges"
        if ledger.chosen == 1
        else (f"{ledger.chosen:,} more, which were not drawn at random, train and judge")
    )
    return f"; {rows} nothing"


def _one_class(ledger: Ledger) -> str:
    few = f"too few trusted rows could judge the labels: {ledger.rows}, all"
    rows = few if ledger.rows < FEW else f"all {ledger.rows} trusted rows that could judge the labels are"
    return f"{rows} of one class, which says nothing of the others: check more rows, some of each class"


def _of_labels(ledger: Ledger, labels: Labels) -> str:
    before, after, difference = ledger.given_labels, ledger.corrected_labels, ledger.difference
    if before is None or after is None or difference is None:
        return _not_measured(ledger)
    part = f" of the {ledger.trusted:,}" if after.rows < ledger.trusted else ""
    unchecked = " that nobody has checked" if ledger.chosen else ""
    measured = (
        f"about {after.value:.0%} of the corrected labels{unchecked} are right, {before.value:.0%} of the given ones "
        f"({after.rows:,}{part} rows you checked; {after.low:.0%} to {after.high:.0%})"
    )
    if labels == "use":
        return f"use the corrected labels: {measured}"
    if labels == "unclear":
        return f"it is unclear whether the corrected labels are better: {measured}"
    if difference.value < 0:
        return f"keep the given labels, they are better than the corrected ones: {measured}"
    return f"keep the given labels, correcting them gains nothing worth having: {measured}"


def _not_measured(ledger: Ledger) -> str:
    said = "how many labels are right, before and after, cannot be said: "
    if ledger.not_all:
        return f"{said}{ledger.not_all}"
    if not ledger.pairs:
        return (
            f"{said}no trusted row is a row of the noisy file with a label there; check some rows of that file yourself"
        )
    rows = "1 trusted row is a row" if ledger.pairs == 1 else f"{ledger.pairs} trusted rows are rows"
    return f"{said}only {rows} of the noisy file with a label there; check more"
