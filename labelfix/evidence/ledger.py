"""The ledger: did it help? This run beside simpler ways of using the same rows, on trusted rows that none learned.

Shares have Wilson's interval (Wilson 1927), with weights for the effective number of rows (Korn and Graubard 1998);
mean log-likelihoods and differences of them a normal one. Whether corrected labels are better than given ones is
asked row by row: d = P(corrected right) − P(given right) on the same rows, with half a row added to each of the four
cells (Agresti and Min, Statistics in Medicine 2005), so that few rows without a difference do not prove that there is
none. What is meant are the labels of the noisy rows that are there, so that variances are larger by R/N.

Corrected labels come from models that did not learn the row, and from temperatures, matrices, scales and thresholds
that other rows chose: otherwise d is optimistic, by .024 where it was measured. On fixed features these other rows were
scored by models that did learn the row, and of the anchored recipe three numbers of the LCN and the ridge of one member
are chosen on all rows; what that is worth was too little to be seen (docs/decisions/nothing-judges-what-it-saw.md).

Legend: N noisy rows, R judged trusted rows, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Floats
from labelfix.data.intervals import Z95, effective, wilson
from labelfix.data.tables import UNLABELLED, Codes
from labelfix.evidence.noisy_judges import Agreement
from labelfix.evidence.rivals import THIS_RUN, Rival


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float
    rows: int

    def to_json(self) -> dict[str, float | int | None]:
        """Plain values; an unknown end is None."""
        low, high = (end if np.isfinite(end) else None for end in (self.low, self.high))
        return {"value": self.value, "low": low, "high": high, "rows": self.rows}


@dataclass(frozen=True)
class Entry:
    """One way of using the rows.

    Attributes:
        name: `this-run`, or a rival's.
        accuracy: Share of judged rows whose class it says.
        nll: Mean negative log-likelihood of their classes.
        gain: Its accuracy minus this run's, row by row.
        nll_gain: This run's NLL minus its own: above 0 it is better than this run.
        agreement: Share of given labels it had not learned that it says; None where noisy rows are not asked.
        agreement_gap: How much more often the entry that says most of them does, row by row.
    """

    name: str
    about: str
    accuracy: Estimate
    nll: Estimate
    gain: Estimate
    nll_gain: Estimate
    agreement: Estimate | None = None
    agreement_gap: Estimate | None = None
    reads_labels: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        names = "accuracy", "nll", "gain", "nll_gain", "agreement", "agreement_gap"
        figures = {name: _json(getattr(self, name)) for name in names}
        return {"name": self.name, "about": self.about, **figures}


@dataclass(frozen=True)
class Ledger:
    """All entries of the ledger.

    Attributes:
        entries: This run last.
        given_labels: Share of given labels that are right, on paired rows; None where there are too few.
        difference: Corrected minus given.
        noisy_rows_heard: Whether noisy rows were asked, and trusted ones do not contradict them.
        pairs: Judged rows with a given label.
        judged_classes: Different classes of the judged rows.
        chosen: Trusted rows that `labelfix next` or a person chose, which judge nothing; shares of right labels are
            then those of the rows that nobody has checked.
        trusted: All trusted rows, those that judge nothing among them.
        not_all: Why the judged rows say nothing of all rows, for a person; empty where they do.
    """

    entries: tuple[Entry, ...]
    classes: int
    given_labels: Estimate | None = None
    corrected_labels: Estimate | None = None
    difference: Estimate | None = None
    noisy_rows_heard: bool = False
    pairs: int = 0
    judged_classes: int = 2
    chosen: int = 0
    not_all: str = ""
    trusted: int = 0

    def entry(self, name: str) -> Entry:
        """The entry of a name."""
        return next(each for each in self.entries if each.name == name)

    @property
    def rows(self) -> int:
        """R."""
        return self.entries[-1].accuracy.rows

    def to_json(self) -> dict[str, Any]:
        """Plain values, `ledger` of `metrics.json`."""
        labels = {name: _json(getattr(self, name)) for name in ("given_labels", "corrected_labels", "difference")}
        entries = [each.to_json() for each in self.entries]
        return {"entries": entries, **labels, "noisy_rows_heard": self.noisy_rows_heard, "chosen": self.chosen}


def _json(estimate: Estimate | None) -> dict[str, float | int | None] | None:
    return None if estimate is None else estimate.to_json()


def compare(
    log_f: Floats,
    rivals: Sequence[Rival],
    truth: Codes,
    given: Codes,
    corrected: Codes | None,
    weights: Floats | None = None,
    agreement: Agreement | None = None,
    noisy_rows: int | None = None,
) -> Ledger:
    """Put a run beside its rivals.

    Args:
        log_f: `(R, K)` log-probabilities of the judged rows by the run's classifier, as its judges have it.
        truth: `(R,)` labels of the judged rows.
        given: `(R,)` their given labels; -1 where there is none.
        corrected: `(R,)` corrected labels, made by models and choices without the row; -1 where a row has no given
            label. None where too few have one.
        weights: `(R,)` of the rows, where they were not drawn at random.
        agreement: What noisy rows say; None where they are not asked.
        noisy_rows: N, whose labels are meant; None for ever so many.
    """
    w = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
    said = [*rivals, Rival(THIS_RUN, "the classifier of this run", log_f)]
    right, loss = log_f.argmax(axis=1) == truth, _loss(log_f, truth)
    entries = []
    for each in said:
        own, own_loss = each.log_p.argmax(axis=1) == truth, _loss(each.log_p, truth)
        gains = paired_difference(own, right, w), mean(loss - own_loss, w)
        nll = mean(own_loss, w)
        if np.isfinite(nll.low):
            nll = replace(nll, low=max(nll.low, 0.0))
        of_noisy_rows = _of_noisy_rows(each.name, agreement)
        entries.append(Entry(each.name, each.about, share(own, w), nll, *gains, *of_noisy_rows, each.reads_labels))
    labels: tuple[Estimate | None, ...] = (None, None, None)
    if corrected is not None:
        pairs = given != UNLABELLED
        after, before = (corrected == truth)[pairs], (given == truth)[pairs]
        spread, own = (1.0 if noisy_rows is None else 1 + int(pairs.sum()) / max(noisy_rows, 1)), w[pairs]
        difference = paired_difference(after, before, own, spread)
        labels = share(before, own, spread), share(after, own, spread), difference
    heard = False
    if agreement is not None:
        best = next((each.log_p for each in said if each.name == agreement.best), None)
        heard = best is not None and not agreement.contradicted(best.argmax(axis=1) == truth, w)
    paired, classes = int((given != UNLABELLED).sum()), len(np.unique(truth))
    return Ledger(tuple(entries), log_f.shape[1], labels[0], labels[1], labels[2], heard, paired, classes)


def _of_noisy_rows(name: str, agreement: Agreement | None) -> tuple[Estimate | None, Estimate | None]:
    if agreement is None or name not in agreement.hits:
        return None, None
    hits, most = agreement.hits[name], agreement.hits[agreement.best]
    every = np.ones(len(hits))
    return share(hits, every), paired_difference(most, hits, every)


def _loss(log_p: Floats, truth: Codes) -> Floats:
    return np.asarray(-log_p[np.arange(len(truth)), truth])


def share(hits: npt.NDArray[np.bool_], weights: Floats, spread: float = 1.0) -> Estimate:
    """A weighted share of rows; `spread` is how much larger its variance is, because other rows are meant."""
    rows = effective(weights) / spread
    value = float(np.average(hits, weights=weights)) if rows else 0.0
    low, high = wilson(value * rows, rows)
    return Estimate(value, min(low, value), max(high, value), len(hits))


def mean(values: Floats, weights: Floats) -> Estimate:
    """A weighted mean; its interval is the whole line with fewer than two rows."""
    value = float(np.average(values, weights=weights))
    if len(values) < 2:
        return Estimate(value, -np.inf, np.inf, len(values))
    variance = float((weights**2 * (values - value) ** 2).sum() / weights.sum() ** 2)
    half = Z95 * float(np.sqrt(variance * len(values) / (len(values) - 1)))
    return Estimate(value, value - half, value + half, len(values))


def paired_difference(
    after: npt.NDArray[np.bool_], before: npt.NDArray[np.bool_], weights: Floats, spread: float = 1.0
) -> Estimate:
    """How much more often one thing is right than another on the same rows.

    Args:
        after: `(R,)` whether the one is right.
        before: `(R,)` whether the other is.
        weights: `(R,)`.
    """
    rows = effective(weights) / spread
    if not rows:
        return Estimate(0.0, -1.0, 1.0, 0)
    won, lost = (float(np.average(hits, weights=weights)) for hits in (after & ~before, before & ~after))
    apart = (won + lost) * rows + 1
    centre = (won - lost) * rows / (rows + 2)
    half = Z95 * float(np.sqrt(max(apart - (rows + 2) * centre**2, 0.0))) / (rows + 2)
    value = won - lost
    return Estimate(value, max(min(centre - half, value), -1.0), min(max(centre + half, value), 1.0), len(after))
