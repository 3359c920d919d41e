"""What `check` says about the data: rows, classes, the join, and how many given labels are wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from labelfix.data.intervals import stratified, wilson
from labelfix.data.tables import UNLABELLED, TrainingData

if TYPE_CHECKING:
    from labelfix.data.read import Reading

LISTED_CLASSES = 12
LISTED_CONFUSIONS = 10


@dataclass(frozen=True)
class NoiseEstimate:
    """The share of given labels that are wrong, estimated from trusted rows that stand in the noisy file.

    Attributes:
        wrong: Paired rows whose given label is not the trusted one.
        paired: Trusted rows that have a given label.
        share: The estimate for the noisy file, in [0, 1]; NaN without paired rows.
        low: Lower end of its 95 % interval.
        high: Upper end.
        how: How it was estimated.
    """

    wrong: int
    paired: int
    share: float
    low: float
    high: float
    how: str


@dataclass(frozen=True)
class Summary:
    """Plain figures about the data; K classes in class order.

    Attributes:
        noisy: The noisy file.
        clean: The trusted file.
        rows: Noisy rows N.
        unlabelled: Noisy rows without a given label.
        trusted: Trusted rows M.
        unreadable: Noisy rows whose image cannot be decoded.
        training: Noisy rows that train as such: labelled, readable, not trusted.
        classes: The class names.
        given_counts: `(K,)` noisy rows with each given label.
        trusted_counts: `(K,)` trusted rows of each class.
        joined_by: `id`, `content` or `none`.
        paired: Trusted rows that stand in the noisy file.
        sampling: How the trusted rows were drawn.
        chosen: Trusted rows that `labelfix next` chose; they are left out of `noise` and `transitions`.
        noise: How many given labels are wrong.
        transitions: `(K, K)` paired rows by trusted class (row) and given label (column).
    """

    noisy: str
    clean: str
    rows: int
    unlabelled: int
    trusted: int
    unreadable: int
    training: int
    classes: tuple[str, ...]
    given_counts: tuple[int, ...]
    trusted_counts: tuple[int, ...]
    joined_by: str
    paired: int
    sampling: str
    chosen: int
    noise: NoiseEstimate
    transitions: tuple[tuple[int, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; without paired rows the share is null."""
        values = asdict(self)
        if not self.noise.paired:
            values["noise"]["share"] = None
        return values

    def lines(self) -> tuple[str, ...]:
        """The summary for a person, one line each."""
        unreadable = f", {self.unreadable} with an image that cannot be read" if self.unreadable else ""
        paired = f"{self.paired} stand in the noisy file (joined by {self.joined_by})"
        if self.joined_by == "none":
            paired = "none of them stands in the noisy file"
        return (
            f"noisy rows: {self.rows:,} in {self.noisy} ({self.unlabelled:,} without a label{unreadable}); "
            f"{self.training:,} train as noisy rows",
            f"trusted rows: {self.trusted:,} in {self.clean}; {paired}; drawn "
            + ("at random" if self.sampling == "random" else "per class")
            + (f"; {self.chosen:,} chosen by labelfix next train and judge nothing" if self.chosen else ""),
            f"classes: {len(self.classes)}",
            *self._class_lines(),
            self._noise_line(),
            *self._confusion_lines(),
        )

    def _class_lines(self) -> list[str]:
        total = max(sum(self.given_counts), 1)
        order = list(range(len(self.classes)))
        if len(order) > LISTED_CLASSES:
            order.sort(key=lambda code: -self.given_counts[code])
        width = max(len(name) for name in self.classes)
        shown = order[: LISTED_CLASSES - 2] + order[-2:] if len(order) > LISTED_CLASSES else order
        lines = [
            f"  {self.classes[c]:<{width}}  {self.given_counts[c]:>8,} given ({self.given_counts[c] / total:6.1%})"
            f"  {self.trusted_counts[c]:>6,} trusted"
            for c in shown
        ]
        if len(shown) < len(order):
            lines.insert(LISTED_CLASSES - 2, f"  ... {len(order) - len(shown)} more classes between these ...")
        return lines

    def _noise_line(self) -> str:
        n = self.noise
        if not n.paired:
            return "wrong given labels: not known, as no trusted row has a given label"
        return (
            f"wrong given labels: {n.wrong:,} of {n.paired:,} paired rows; "
            f"estimate {n.share:.1%}, 95 % interval {n.low:.1%} to {n.high:.1%} ({n.how})"
        )

    def _confusion_lines(self) -> list[str]:
        counts = np.array(self.transitions, dtype=np.int64)
        wrong = counts.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[: int((wrong > 0).sum())]
        if not len(order):
            return []
        k = len(self.classes)
        lines = ["most frequent mistakes (trusted -> given):"]
        for flat in order[:LISTED_CONFUSIONS]:
            i, j = divmod(int(flat), k)
            lines.append(f"  {self.classes[i]} -> {self.classes[j]}: {wrong[i, j]:,} of {counts[i].sum():,}")
        if len(order) > LISTED_CONFUSIONS:
            lines.append(f"  ... and {len(order) - LISTED_CONFUSIONS} more pairs of classes")
        return lines


def summarise(reading: Reading) -> Summary:
    """Sum up what was read.

    Args:
        reading: What `read_training` gave.
    """
    data = reading.data
    k = len(data.classes)
    transitions = transition_counts(data.without_chosen())
    readable = data.noisy.readable
    return Summary(
        noisy=data.noisy.name,
        clean=data.clean.name,
        rows=len(data.noisy),
        unlabelled=int((~data.noisy.labelled).sum()),
        trusted=len(data.clean),
        unreadable=0 if readable is None else int((~readable).sum()),
        training=len(data.noisy_rows),
        classes=data.classes.names,
        given_counts=_counts(data.noisy.codes, k),
        trusted_counts=_counts(data.clean.codes, k),
        joined_by=data.joined_by,
        paired=int((data.clean_in_noisy >= 0).sum()),
        sampling=data.sampling,
        chosen=int((~data.judges).sum()),
        noise=estimate_noise(data),
        transitions=tuple(tuple(row) for row in transitions.tolist()),
    )


def transition_counts(data: TrainingData) -> npt.NDArray[np.int64]:
    """`(K, K)` paired rows by trusted class (row) and given label (column)."""
    k = len(data.classes)
    known = data.paired_given != UNLABELLED
    flat = data.clean.codes[known] * k + data.paired_given[known]
    return np.bincount(flat, minlength=k * k).reshape(k, k).astype(np.int64)


def estimate_noise(data: TrainingData) -> NoiseEstimate:
    """The share of wrong given labels in the noisy file.

    Rows drawn at random: the share among the paired rows, with Wilson's interval. Rows drawn per class: the mean of
    the classes' shares, weighted by the class shares of the noisy file; these are not known, so they are the ones
    under which the transition counts best explain the given labels (maximum likelihood, by EM).
    """
    counts = transition_counts(data.without_chosen())
    per_class = counts.sum(axis=1).astype(float)
    wrong = per_class - np.diag(counts)
    paired, total = int(per_class.sum()), int(wrong.sum())
    if paired == 0:
        return NoiseEstimate(0, 0, float("nan"), 0.0, 1.0, "no paired rows")
    if data.sampling == "random":
        low, high = wilson(total, paired)
        return NoiseEstimate(total, paired, total / paired, low, high, "Wilson, rows drawn at random")
    given = np.bincount(data.noisy.codes[data.noisy.labelled], minlength=len(counts)).astype(float)
    share, low, high = stratified(wrong, per_class, class_shares(counts, given))
    return NoiseEstimate(
        total, paired, share, low, high, "rows drawn per class, classes weighted by their estimated shares"
    )


def class_shares(
    counts: npt.NDArray[np.int64], given: npt.NDArray[np.float64], steps: int = 500
) -> npt.NDArray[np.float64]:
    """The class shares under which transition counts best explain the given labels.

    EM for pi in `given ~ pi T`, T = the rows of `counts` made to sum to 1 (one pseudo-count spread over each row,
    so that no given label is impossible).

    Args:
        counts: `(K, K)` paired rows by trusted class and given label.
        given: `(K,)` rows of the noisy file with each given label.
        steps: Most EM steps.

    Returns:
        `(K,)` shares that sum to 1; 0 for a class without paired rows.
    """
    seen = counts.sum(axis=1) > 0
    k = len(counts)
    transition = (counts + 1.0 / k) / (counts.sum(axis=1, keepdims=True) + 1.0)
    pi: npt.NDArray[np.float64] = np.where(seen, 1.0, 0.0) / max(int(seen.sum()), 1)
    shares = given / max(given.sum(), 1.0)
    for _ in range(steps):
        expected = pi @ transition
        updated: npt.NDArray[np.float64] = pi * (transition @ (shares / np.maximum(expected, 1e-12)))
        updated /= max(updated.sum(), 1e-12)
        if np.abs(updated - pi).max() < 1e-8:
            return updated
        pi = updated
    return pi


def _counts(codes: npt.NDArray[np.int64], k: int) -> tuple[int, ...]:
    return tuple(np.bincount(codes[codes >= 0], minlength=k).tolist())
