"""Cutting the trusted rows into fixed, disjoint parts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import Codes, Sampling

MIN_PER_CLASS = 10
"""Below this many trusted rows a class, none are held out."""

KEPT = 2
"""Rows of a class that are never held out: one to train and one to judge the look-ahead."""


@dataclass(frozen=True)
class CleanSplit:
    """Row numbers of the trusted rows, disjoint, together all of them.

    Attributes:
        train: Rows that train the classifier beside the noisy ones.
        meta: Rows that judge the look-ahead and so train the label correction network.
        held_out: Rows that nothing is trained on; may be empty.
        choosing: Those of the held-out rows that have a say in training, such as when it is best; the others judge.
        few: Whether rows were to be held out, and there are too few.
    """

    train: Codes
    meta: Codes
    held_out: Codes
    choosing: Codes = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    few: bool = False

    @property
    def judging(self) -> Codes:
        """Held-out rows that no choice in training rests on."""
        return np.setdiff1d(self.held_out, self.choosing)

    def describe(self) -> str:
        """One line with the sizes."""
        sizes = f"trusted rows: {len(self.train)} train, {len(self.meta)} meta, {len(self.held_out)} held out"
        sizes += f" ({len(self.choosing)} to choose, {len(self.judging)} to judge)" if len(self.choosing) else ""
        return sizes + f" (fewer than {MIN_PER_CLASS} a class)" if self.few else sizes


def split_clean(
    truth: Codes, num_classes: int, held_out: float, seed: int, sampling: Sampling = "random"
) -> CleanSplit:
    """Cut the trusted rows.

    Rows are held out as they were drawn: from among all of them, so that a class of which many were drawn is not both
    learned better and judged more; or the same share of each class. What is left of each class is halved between train
    and meta; the odd row goes to them in turn, so that both stay equally large.

    Args:
        truth: `(M,)` trusted labels in 0..K-1.
        held_out: Share to hold out. Nothing is held out where the classes that have trusted rows have
            fewer than ten each in the mean.
    """
    generator = np.random.default_rng([seed, 1])
    present = len(np.unique(truth))
    enough = len(truth) >= MIN_PER_CLASS * present
    share = held_out if enough else 0.0
    order = generator.permutation(len(truth))
    out = _of_all(truth, order, share) if sampling == "random" else _of_each(truth, order, share)
    train, meta = [], []
    odd_to_train = True
    for code in range(num_classes):
        rest = order[(truth[order] == code) & ~out[order]]
        half = len(rest) // 2
        if len(rest) % 2:
            half += int(odd_to_train)
            odd_to_train = not odd_to_train
        train.append(rest[:half])
        meta.append(rest[half:])
    taught, judging = (np.sort(np.concatenate(part)).astype(np.int64) for part in (train, meta))
    return CleanSplit(taught, judging, np.flatnonzero(out).astype(np.int64), few=held_out > 0 and not enough)


def _of_all(truth: Codes, order: Codes, share: float) -> npt.NDArray[np.bool_]:
    """`(M,)` the first rows in an order, all but the last two of each class."""
    free = np.zeros(len(truth), dtype=bool)
    for code in np.unique(truth):
        free[order[truth[order] == code][:-KEPT]] = True
    out = np.zeros(len(truth), dtype=bool)
    out[order[free[order]][: round(share * len(truth))]] = True
    return out


def _of_each(truth: Codes, order: Codes, share: float) -> npt.NDArray[np.bool_]:
    """`(M,)` the first of each class."""
    out = np.zeros(len(truth), dtype=bool)
    for code in np.unique(truth):
        rows = order[truth[order] == code]
        out[rows[: min(round(share * len(rows)), max(len(rows) - KEPT, 0))]] = True
    return out


def with_choosers(split: CleanSplit, truth: Codes, seed: int, sampling: Sampling = "random") -> CleanSplit:
    """The same, with half of the held-out rows, or of those of each class, for choices in training.

    Args:
        truth: `(M,)` trusted labels.
    """
    order = np.random.default_rng([seed, 2]).permutation(split.held_out)
    order = order if sampling == "random" else order[np.argsort(truth[order], kind="stable")]
    return replace(split, choosing=np.sort(order[::2]))
