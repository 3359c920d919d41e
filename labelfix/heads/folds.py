"""Folds of the trusted rows, and everything that is fitted once in full and once without each fold.

What is chosen for a head without a fold, its temperature or one of several candidates, is chosen on the rows of the
other folds. These are scored by heads that learned the fold: a fit without each two folds would be needed to rule that
out, and is not worth its time (docs/decisions/nothing-judges-what-it-saw.md).

Legend: M trusted rows, N noisy rows, D features, K classes, F folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.data.tables import Codes
from labelfix.numerics.linear_heads import SIDE_BY_SIDE, LinearHead
from labelfix.numerics.temperature import fit_temperature

FOLDS = 4
"""Folds of the trusted rows."""

MORE_FOLDS = 10
"""The same where no weight makes up for trusted rows that are left out, in a classifier of them alone or of all rows as
they are: a quarter fewer make it worse by a point and more than the one that it stands for, a tenth fewer by less than
half a point (docs/experiments.md)."""


@dataclass(frozen=True)
class Folds:
    """A cut of M rows into folds.

    Attributes:
        of: `(M,)` the fold of each row.
        count: How many folds.
    """

    of: Codes
    count: int

    def inside(self, fold: int) -> Codes:
        """Rows of a fold."""
        return np.flatnonzero(self.of == fold).astype(np.int64)

    def outside(self, fold: int) -> Codes:
        """All other rows."""
        return np.flatnonzero(self.of != fold).astype(np.int64)


def cut_folds(truth: Codes, seed: int, count: int = FOLDS, by_class: bool = True) -> Folds:
    """Deal the rows of each class out over the folds, going on where the class before left off.

    Args:
        truth: `(M,)` classes, M ≥ 2.
        count: Folds wanted; with fewer rows, fewer.
        by_class: False deals them as they come, whatever their class.
    """
    count = min(count, len(truth))
    generator = np.random.default_rng([seed, 30])
    shuffled = generator.permutation(len(truth))
    order = shuffled[np.argsort(truth[shuffled], kind="stable")] if by_class else shuffled
    of = np.empty(len(truth), dtype=np.int64)
    of[order] = np.arange(len(truth)) % count
    return Folds(of, count)


Part = tuple[Codes, int | None]
"""Trusted rows that a fit may use, and the fold that it leaves out, if any."""


@dataclass(frozen=True)
class CrossFitted:
    """A linear head fitted on everything, and once without each fold; each calibrated by what it may know.

    Attributes:
        full: The head that saw every trusted row, its logits divided by its temperature.
        without: The heads that did not see fold 0, 1, …, likewise.
        held: `(M, K)` log-probabilities of each trusted row by the head that did not see it; see `out_of_fold`.
        by: `(M,)` which of `without` that is.
        temperatures: `(F + 1,)` what logits were divided by: those of `full`, then of each of `without`.
    """

    full: LinearHead
    without: tuple[LinearHead, ...]
    held: npt.NDArray[np.float64]
    by: Codes
    temperatures: npt.NDArray[np.float64]

    def losses(self, truth: Codes) -> npt.NDArray[np.float64]:
        """`(M,)` negative log-likelihood of the trusted rows, out of fold."""
        return np.asarray(-self.held[np.arange(len(truth)), truth])

    def nll(self, truth: Codes) -> float:
        """Its mean."""
        return float(self.losses(truth).mean())

    def without_temperature(self, fold: int | None) -> tuple[LinearHead, float]:
        """The head without a fold, or that of all rows, as it was fitted, and what its logits are divided by."""
        head = self.full if fold is None else self.without[fold]
        temperature = float(self.temperatures[0 if fold is None else fold + 1])
        return head.scaled(temperature), temperature


def cross_fit(
    fit: Callable[[Codes, int | None, LinearHead | None], LinearHead], folds: Folds, clean: Tensor, truth: Codes
) -> CrossFitted:
    """Fit in full, then without each fold starting from the full fit, and calibrate.

    Args:
        fit: (trusted rows to use, the fold left out or None, where to begin or None) → head.
        clean: `(M, D)` trusted features.
        truth: `(M,)` trusted labels.
    """

    def each(parts: Sequence[Part], start: LinearHead | None) -> list[LinearHead]:
        return [fit(use, fold, start) for use, fold in parts]

    return cross_fit_together(each, folds, clean, truth, folds.count)


def cross_fit_together(
    fit: Callable[[Sequence[Part], LinearHead | None], list[LinearHead]],
    folds: Folds,
    clean: Tensor,
    truth: Codes,
    at_once: int,
) -> CrossFitted:
    """The same where several fits go on side by side.

    Args:
        fit: (what each head may learn from, where all begin or None) → heads.
        clean: `(M, D)` trusted features.
        truth: `(M,)` trusted labels.
        at_once: How many heads are asked for in one call.
    """
    (full,) = fit([(np.arange(len(truth), dtype=np.int64), None)], None)
    parts: list[Part] = [(folds.outside(fold), fold) for fold in range(folds.count)]
    groups = [parts[first : first + at_once] for first in range(0, len(parts), at_once)]
    return calibrated(full, [head for group in groups for head in fit(group, full)], folds, clean, truth)


def calibrated(
    full: LinearHead, without: Sequence[LinearHead], folds: Folds, clean: Tensor, truth: Codes
) -> CrossFitted:
    """Divide logits by the temperature that suits the out-of-fold trusted rows best, those of its own fold left out."""
    raw = out_of_fold(without, folds, clean)
    every = np.arange(len(truth), dtype=np.int64)
    others = [every, *map(folds.outside, range(folds.count))]
    temperatures = np.array([fit_temperature(raw[use], truth[use]) for use in others])
    scaled = tuple(head.scaled(1 / t) for head, t in zip(without, temperatures[1:], strict=True))
    return CrossFitted(
        full.scaled(1 / temperatures[0]), scaled, out_of_fold(scaled, folds, clean), folds.of, temperatures
    )


def likeliest(candidates: Sequence[CrossFitted], truth: Codes) -> tuple[int, CrossFitted]:
    """The candidate that trusted rows like best out of fold, and for each fold the one that the other folds' rows like.

    Args:
        candidates: Fitted over the same folds.
        truth: `(M,)` trusted labels.

    Returns:
        Which is best of all, and the heads chosen.
    """
    chosen = likeliest_of_each(candidates, truth)
    return chosen[0], assembled(candidates, chosen)


def likeliest_of_each(candidates: Sequence[CrossFitted], truth: Codes) -> list[int]:
    """The same as positions: for the full head, then for that without fold 0, 1, …."""
    by = candidates[0].by
    losses = np.stack([each.losses(truth) for each in candidates])
    count = len(candidates[0].without)
    uses = np.ones(len(by), dtype=bool), *(by != fold for fold in range(count))
    return [int(losses[:, use].mean(axis=1).argmin()) for use in uses]


def assembled(candidates: Sequence[CrossFitted], chosen: Sequence[int]) -> CrossFitted:
    """The full head of one candidate, and without each fold that of another.

    Args:
        candidates: Fitted over the same folds.
        chosen: Positions in `candidates`: for the full head, then for that without fold 0, 1, ….
    """
    by = candidates[0].by
    held = np.empty_like(candidates[0].held)
    for fold, which in enumerate(chosen[1:]):
        held[by == fold] = candidates[which].held[by == fold]
    without = tuple(candidates[which].without[fold] for fold, which in enumerate(chosen[1:]))
    temperatures = np.array([candidates[which].temperatures[place] for place, which in enumerate(chosen)])
    return CrossFitted(candidates[chosen[0]].full, without, held, by, temperatures)


def out_of_fold(without: Sequence[LinearHead], folds: Folds, clean: Tensor) -> npt.NDArray[np.float64]:
    """`(M, K)` log-probabilities of each trusted row by the head that did not see its fold.

    Of very many classes in single precision, in which they were computed.
    """
    held = torch.empty(len(clean), len(without[0].bias))
    for fold, head in enumerate(without):
        rows = torch.from_numpy(folds.inside(fold))
        held[rows] = head.log_probabilities(clean[rows])
    return np.asarray(held.numpy(), dtype=np.float32 if held.shape[1] > SIDE_BY_SIDE else np.float64)
