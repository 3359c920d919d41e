"""Heads for very many classes, each of few rows: discriminants, and one regression on the labels that these make.

    given and trusted labels → discriminants → q = P(y | x, y') through T → discriminants of q
                                                                          → logistic regression on q

Discriminants (`numerics.discriminant`) take one pass over the rows where a regression takes dozens, and with thirty
rows a class or fewer they are better than one that learns the given labels; the two made of q are better together, out
of fold, than each (docs/experiments.md). What is fitted without a fold of the trusted rows is fitted without a fold of
the noisy rows as well: so every noisy row is judged by a head that has not seen its label.

Legend: N noisy rows, M trusted rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from labelfix.data.arrays import Floats
from labelfix.data.tables import Probabilities
from labelfix.heads.folds import CrossFitted, assembled, calibrated, cut_folds, likeliest_of_each
from labelfix.heads.rows import TRUSTED_SHARE, FitRows
from labelfix.numerics.discriminant import Moments
from labelfix.numerics.linear_heads import LinearHead, cross_entropy_to, minimise
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.temperature import fit_temperature
from labelfix.numerics.transition import expected_transition

SHRINKAGES = (0.05, 0.2, 1.0, 4.0)
"""Candidates; with fewer rows a class more is better."""

RIDGE, ENDS = 10.0, 3e-3
"""r of the regression, and the relative fall of its loss at which the search ends; it begins at nothing."""

Transitions = Callable[[int | None], Floats]
"""The fold that is left out, if any → `(K, K)` T of the others."""


@dataclass(frozen=True)
class Discriminants:
    """Discriminants of given and trusted labels.

    Attributes:
        rows: The data.
        of: `(N,)` the fold of each noisy row; heads without a fold of the trusted rows have not seen it.
        mean: `(D,)` what is taken from features before they are summed.
        given: Sums of the noisy rows of each fold, by their given labels.
        trusted: Sums of the trusted rows of each fold.
        shrinkages: Of the head of all rows, then of that without each fold.
        fitted: The heads.
    """

    rows: FitRows
    of: Tensor
    mean: Tensor
    given: tuple[Moments, ...]
    trusted: tuple[Moments, ...]
    shrinkages: tuple[float, ...]
    fitted: CrossFitted

    def transitions(self) -> Transitions:
        """T0, from what discriminants of the given labels alone say of trusted rows; see `expected_transition`."""
        rows, truth = self.rows, self.rows.truth.numpy()
        head = _moved(_sum(self.given, None).head(self.shrinkages[0]), self.mean)
        raw = head.logits(rows.clean)
        warm = raw / fit_temperature(raw.numpy(), truth)
        said: Probabilities = torch.softmax(warm, dim=1).numpy()

        def without(fold: int | None) -> Floats:
            use = slice(None) if fold is None else rows.folds.outside(fold)
            return expected_transition(truth[use], said[use], rows.num_classes)

        return without

    def behind(self, fold: int | None, transition: Floats) -> tuple[Tensor, Tensor]:
        """What given labels and rows together say, without a fold.

        Args:
            fold: The fold; None for all rows.
            transition: `(K, K)` T without it.

        Returns:
            `(n,)` the noisy rows outside the fold, and `(K, n + m)` P(y | x, y') of them, and of the trusted rows
            outside it the truth: in half precision, as it is most of what is held of very many classes.
        """
        rows, (use, _) = self.rows, _use(self.rows, fold)
        learned = torch.arange(len(rows.given)) if fold is None else torch.nonzero(self.of != fold)[:, 0]
        head = self.fitted.full if fold is None else self.fitted.without[fold]
        log_t = torch.from_numpy(np.log(transition).astype(np.float32))
        q = torch.zeros(rows.num_classes, len(learned) + len(use), dtype=torch.float16)
        q[rows.truth[use], torch.arange(len(learned), q.shape[1])] = 1
        for part in row_blocks(len(learned), rows.num_classes):
            some = learned[part]
            q[:, part] = torch.softmax(head.columns(rows.noisy[some]).add_(log_t[:, rows.given[some]]), dim=0).half()
        return learned, q

    def again(self, fold: int | None, learned: Tensor, q: Tensor) -> tuple[LinearHead, LinearHead]:
        """Discriminants and a regression on soft labels of the noisy rows, beside trusted rows, without a fold.

        Args:
            fold: The fold; None for all rows.
            learned: `(n,)` noisy rows.
            q: `(K, n + m)` soft labels of these and of the trusted rows; see `behind`.
        """
        rows, (use, factor) = self.rows, _use(self.rows, fold)
        sums = torch.zeros(rows.num_classes, rows.clean.shape[1])
        weight = torch.zeros(rows.num_classes)
        for part in row_blocks(len(learned), rows.num_classes):
            own = q[:, part].float()
            sums += own @ (rows.noisy[learned[part]] - self.mean)
            weight += own.sum(dim=1)
        soft = Moments(sums.double(), weight.double(), _sum(self.given, fold).scatter)
        place = 0 if fold is None else fold + 1
        discriminant = _moved(soft.plus(_sum(self.trusted, fold), factor).head(self.shrinkages[place]), self.mean)

        features = torch.cat([rows.noisy[learned], rows.clean[use]])
        weights = torch.cat([torch.ones(len(learned)), torch.full((len(use),), factor)])
        loss = cross_entropy_to(q.mT, weights)
        zero = LinearHead.zeros(rows.num_classes, features.shape[1])
        return discriminant, minimise(features, loss, RIDGE, zero, 100, ENDS, rows.scaling(RIDGE))


def fit_discriminants(rows: FitRows) -> Discriminants:
    """Discriminants of the given labels at their word, beside the trusted rows, which are a fifth of the weight.

    Shrunk as out-of-fold likelihood likes it best.
    """
    return rows.once("discriminants", lambda: _fit_discriminants(rows))


def _fit_discriminants(rows: FitRows) -> Discriminants:
    count, mean = rows.folds.count, rows.noisy.mean(dim=0)
    of = torch.from_numpy(cut_folds(rows.given.numpy(), rows.seed, count).of)

    def sums(features: Tensor, labels: Tensor, folds: Tensor) -> tuple[Moments, ...]:
        every = (folds == fold for fold in range(count))
        return tuple(Moments.of(features[own] - mean, labels[own], rows.num_classes) for own in every)

    given = sums(rows.noisy, rows.given, of)
    trusted = sums(rows.clean, rows.truth, torch.from_numpy(rows.folds.of))

    def both(fold: int | None) -> Moments:
        return _sum(given, fold).plus(_sum(trusted, fold), _use(rows, fold)[1])

    return Discriminants(rows, of, mean, given, trusted, *_best(rows, mean, both))


def fit_trusted_discriminants(rows: FitRows) -> CrossFitted:
    """Discriminants of the trusted rows alone."""
    first = fit_discriminants(rows)
    return _best(rows, first.mean, lambda fold: _sum(first.trusted, fold))[1]


def _best(rows: FitRows, mean: Tensor, sums: Callable[[int | None], Moments]) -> tuple[tuple[float, ...], CrossFitted]:
    """The shrinkages that out-of-fold likelihood likes best, in full and without each fold, and the heads.

    Args:
        mean: What was taken from features.
        sums: The fold that is left out → what the head is made of.
    """
    every, truth = [sums(fold) for fold in (None, *range(rows.folds.count))], rows.truth.numpy()

    def fitted(shrinkage: float) -> CrossFitted:
        full, *without = (_moved(each.head(shrinkage), mean) for each in every)
        return calibrated(full, without, rows.folds, rows.clean, truth)

    found = [fitted(each) for each in SHRINKAGES]
    chosen = likeliest_of_each(found, truth)
    return tuple(SHRINKAGES[place] for place in chosen), assembled(found, chosen)


def _use(rows: FitRows, fold: int | None) -> tuple[Tensor, float]:
    """The trusted rows outside a fold, and how much each weighs."""
    use = np.arange(len(rows.truth)) if fold is None else rows.folds.outside(fold)
    return torch.from_numpy(use), TRUSTED_SHARE * len(rows.given) / max(len(use), 1)


def _sum(of_folds: tuple[Moments, ...], fold: int | None) -> Moments:
    """Of all folds but one."""
    first, *others = (each for k, each in enumerate(of_folds) if k != fold)
    for each in others:
        first = first.plus(each)
    return first


def _moved(head: LinearHead, mean: Tensor) -> LinearHead:
    """A head of features less their mean as one of the features."""
    return LinearHead(head.weight, head.bias - head.weight @ mean)
