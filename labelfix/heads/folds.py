"""Folds of the trusted rows, and heads fitted once in full and once without each fold.

The temperature of a head without a fold, or which of several candidates it is, is chosen on the rows of the other
folds. Those were scored by heads that did learn the left-out fold: ruling that out would need a fit without every pair
of folds, which is not worth its time (docs/decisions/nothing-judges-what-it-saw.md).

Legend: M trusted rows, N noisy rows, D features, K classes, F folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.data.tables import Codes
from labelfix.numerics.linear_heads import SIDE_BY_SIDE, LinearHead
from labelfix.numerics.softmax import log_softmax
from labelfix.numerics.temperature import fit_temperature

FOLDS = 4
"""Folds of the trusted rows."""

MORE_FOLDS = 10
"""Folds for classifiers that learn trusted rows without reweighting: leaving out a quarter of them makes the classifier
worse than the one it stands for by a point or more, a tenth by less than half a point (docs/experiments.md)."""


@dataclass(frozen=True)
class Folds:
    """A cut of M rows into folds.

    Attributes:
        of: `(M,)` the fold of each row.
        weights: `(M,)` how much each row counts; see `heads.class_ratio`.
    """

    of: Codes
    count: int
    weights: npt.NDArray[np.float64]

    def only(self, rows: Codes) -> Folds:
        """The same of some of the rows."""
        return Folds(self.of[rows], self.count, self.weights[rows])

    def alike(self) -> Folds:
        """The same with rows that all count alike."""
        return replace(self, weights=np.ones(len(self.of)))

    def inside(self, fold: int) -> Codes:
        """`(n,)` the rows of a fold."""
        return np.flatnonzero(self.of == fold).astype(np.int64)

    def outside(self, fold: int) -> Codes:
        """`(M − n,)` all other rows."""
        return np.flatnonzero(self.of != fold).astype(np.int64)


def cut_folds(truth: Codes, seed: int, count: int = FOLDS, by_class: bool = True) -> Folds:
    """Deal the rows of each class out over the folds, each class continuing where the one before stopped.

    Args:
        truth: `(M,)` classes, M ≥ 2.
        count: Folds wanted; with fewer rows there are fewer.
        by_class: False ignores the classes.
    """
    count = min(count, len(truth))
    generator = np.random.default_rng([seed, 30])
    shuffled = generator.permutation(len(truth))
    order = shuffled[np.argsort(truth[shuffled], kind="stable")] if by_class else shuffled
    of = np.empty(len(truth), dtype=np.int64)
    of[order] = np.arange(len(truth)) % count
    return Folds(of, count, np.ones(len(truth)))


Part = tuple[Codes, int | None]
"""`(n,)` trusted rows that a fit may use, and the fold that it leaves out, if any."""


@dataclass(frozen=True)
class CrossFitted:
    """A linear head fitted to everything, and once without each fold; each calibrated on rows that it may use.

    Attributes:
        full: The head that saw every trusted row, its logits already divided by its temperature.
        without: The heads that did not see fold 0, 1, …, likewise.
        held: `(M, K)` log-probabilities of each trusted row by the head that did not see it; see `out_of_fold`.
        by: `(M,)` index into `without` of that head.
        temperatures: `(F + 1,)` temperature of `full`, then of each of `without`.
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
        """Mean of `losses`."""
        return float(self.losses(truth).mean())

    def shifted(self, log: Tensor) -> CrossFitted:
        """The same with `(K,)` something added to the logits of each class."""
        full, *without = (LinearHead(h.weight, h.bias + log.to(h.bias.dtype)) for h in (self.full, *self.without))
        held = np.asarray(log_softmax(self.held + log.numpy()))
        return replace(self, full=full, without=tuple(without), held=held)

    def without_temperature(self, fold: int | None) -> tuple[LinearHead, float]:
        """The head without a fold (None: the full one) before calibration, and its temperature."""
        head = self.full if fold is None else self.without[fold]
        temperature = float(self.temperatures[0 if fold is None else fold + 1])
        return head.scaled(temperature), temperature


def cross_fit(
    fit: Callable[[Codes, int | None, LinearHead | None], LinearHead], folds: Folds, clean: Tensor, truth: Codes
) -> CrossFitted:
    """Fit in full, then without each fold starting from the full fit, and calibrate.

    Args:
        fit: (trusted rows to use, the fold left out or None, the head to start from or None) → head.
        clean: `(M, D)` trusted features.
        truth: `(M,)` trusted labels.
    """

    def one_by_one(parts: Sequence[Part], start: LinearHead | None) -> list[LinearHead]:
        return [fit(use, fold, start) for use, fold in parts]

    return cross_fit_together(one_by_one, folds, clean, truth, folds.count)


def cross_fit_together(
    fit: Callable[[Sequence[Part], LinearHead | None], list[LinearHead]],
    folds: Folds,
    clean: Tensor,
    truth: Codes,
    at_once: int,
) -> CrossFitted:
    """The same for fits that are made several at a time.

    Args:
        fit: (what each head may learn from, the head that all start from or None) → heads.
        clean: `(M, D)` trusted features.
        truth: `(M,)` trusted labels.
        at_once: Heads per call of `fit`.
    """
    (full,) = fit([(np.arange(len(truth), dtype=np.int64), None)], None)
    parts: list[Part] = [(folds.outside(fold), fold) for fold in range(folds.count)]
    groups = [parts[first : first + at_once] for first in range(0, len(parts), at_once)]
    return calibrated(full, [head for group in groups for head in fit(group, full)], folds, clean, truth)


def calibrated(
    full: LinearHead, without: Sequence[LinearHead], folds: Folds, clean: Tensor, truth: Codes
) -> CrossFitted:
    """Divide each head's logits by the temperature that suits the out-of-fold trusted rows outside its fold best."""
    raw = out_of_fold(without, folds, clean)
    every = np.arange(len(truth), dtype=np.int64)
    others = [every, *map(folds.outside, range(folds.count))]
    temperatures = np.array([fit_temperature(raw[use], truth[use], folds.weights[use]) for use in others])
    scaled = tuple(head.scaled(1 / t) for head, t in zip(without, temperatures[1:], strict=True))
    return CrossFitted(
        full.scaled(1 / temperatures[0]), scaled, out_of_fold(scaled, folds, clean), folds.of, temperatures
    )


def likeliest(candidates: Sequence[CrossFitted], truth: Codes) -> tuple[int, CrossFitted]:
    """The candidate with the lowest out-of-fold loss; without each fold, the one with the lowest loss on other folds.

    Args:
        candidates: Fitted over the same folds.
        truth: `(M,)` trusted labels.

    Returns:
        The index of the best one, and the heads chosen.
    """
    chosen = likeliest_of_each(candidates, truth)
    return chosen[0], assembled(candidates, chosen)


def likeliest_of_each(candidates: Sequence[CrossFitted], truth: Codes) -> list[int]:
    """`(F + 1)` indices into `candidates` of the likeliest: for the full head, then without fold 0, 1, …."""
    by = candidates[0].by
    losses = np.stack([candidate.losses(truth) for candidate in candidates])
    count = len(candidates[0].without)
    uses = np.ones(len(by), dtype=bool), *(by != fold for fold in range(count))
    return [int(losses[:, use].mean(axis=1).argmin()) for use in uses]


def assembled(candidates: Sequence[CrossFitted], chosen: Sequence[int]) -> CrossFitted:
    """Heads picked from several candidates, as one.

    Args:
        candidates: Fitted over the same folds.
        chosen: `(F + 1)` indices into `candidates`: for the full head, then without fold 0, 1, ….
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

    In single precision, in which they were computed, where classes are very many.
    """
    held = torch.empty(len(clean), len(without[0].bias))
    for fold, head in enumerate(without):
        rows = torch.from_numpy(folds.inside(fold))
        held[rows] = head.log_probabilities(clean[rows])
    return np.asarray(held.numpy(), dtype=np.float32 if held.shape[1] > SIDE_BY_SIDE else np.float64)
