"""Cutting the trusted rows into fixed, disjoint parts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from labelfix.data.tables import Codes

MIN_PER_CLASS = 10
"""Below this many trusted rows a class, none are held out."""


@dataclass(frozen=True)
class CleanSplit:
    """Row numbers of the trusted rows, disjoint, together all of them.

    Attributes:
        train: Rows that train the classifier beside the noisy ones.
        meta: Rows that judge the look-ahead and so train the label correction network.
        held_out: Rows that nothing is trained on; may be empty.
        choosing: Those of the held-out rows that have a say in training, such as when it is best; the others judge.
    """

    train: Codes
    meta: Codes
    held_out: Codes
    choosing: Codes = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def judging(self) -> Codes:
        """Held-out rows that no choice in training rests on."""
        return np.setdiff1d(self.held_out, self.choosing)

    def describe(self) -> str:
        """One line with the sizes."""
        sizes = f"trusted rows: {len(self.train)} train, {len(self.meta)} meta, {len(self.held_out)} held out"
        sizes += f" ({len(self.choosing)} to choose, {len(self.judging)} to judge)" if len(self.choosing) else ""
        return sizes if len(self.held_out) else sizes + f" (fewer than {MIN_PER_CLASS} a class)"


def split_clean(truth: Codes, num_classes: int, held_out: float, seed: int) -> CleanSplit:
    """Cut the trusted rows, class by class.

    Each class gives `held_out` of its rows (rounded) to the held-out part and halves the rest between train
    and meta; the odd row goes to train and meta in turn, so that both stay equally large.

    Args:
        truth: `(M,)` trusted labels in 0..K-1.
        num_classes: K.
        held_out: Share to hold out. Nothing is held out where the classes that have trusted rows have
            fewer than ten each in the mean.
        seed: The run's seed.
    """
    generator = np.random.default_rng([seed, 1])
    present = len(np.unique(truth))
    share = held_out if len(truth) >= MIN_PER_CLASS * present else 0.0
    parts: tuple[list[Codes], list[Codes], list[Codes]] = ([], [], [])
    odd_to_train = True
    for code in range(num_classes):
        rows = generator.permutation(np.flatnonzero(truth == code))
        kept_out = min(round(share * len(rows)), max(len(rows) - 2, 0))
        rest = rows[kept_out:]
        half = len(rest) // 2
        if len(rest) % 2:
            half += int(odd_to_train)
            odd_to_train = not odd_to_train
        for part, chosen in zip(parts, (rest[:half], rest[half:], rows[:kept_out]), strict=True):
            part.append(chosen)
    train, meta, out = (np.sort(np.concatenate(part)).astype(np.int64) for part in parts)
    return CleanSplit(train, meta, out)


def with_choosers(split: CleanSplit, truth: Codes) -> CleanSplit:
    """The same, with half of the held-out rows of each class for choices in training.

    Args:
        split: Its parts.
        truth: `(M,)` trusted labels.
    """
    order = split.held_out[np.argsort(truth[split.held_out], kind="stable")]
    return replace(split, choosing=np.sort(order[::2]))
