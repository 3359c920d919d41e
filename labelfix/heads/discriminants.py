"""Heads for very many classes of few rows each: discriminants, and one regression on the labels that these make.

    given and trusted labels → discriminants → q = P(y | x, y') through T → discriminants of q
                                                                          → logistic regression on q

Discriminants take classes as Gaussians of one covariance,

    W_c = Σ⁻¹ μ_c,   b_c = −½ μ_cᵀ Σ⁻¹ μ_c + log π_c

with Σ the covariance within classes, shrunk towards a multiple of the identity, and μ_c shrunk by one row towards the
mean of all. All of it follows from sums over rows: what rows add is taken out again by subtracting their sums.

They take one pass over the rows where a regression takes dozens, and with thirty or fewer rows per class they beat a
regression on the given labels; a discriminant and a regression of q together are better out of fold than either alone
(docs/experiments.md). What is fitted without a fold of the trusted rows is fitted without a fold of the noisy rows as
well, so that every noisy row is judged by a head that has not seen its label.

Source: Friedman, "Regularized Discriminant Analysis", JASA 1989.

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
from labelfix.numerics.head_losses import cross_entropy_to
from labelfix.numerics.linear_heads import LinearHead, minimise
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.temperature import fit_temperature
from labelfix.numerics.transition import expected_transition


@dataclass(frozen=True)
class Moments:
    """Sums over rows.

    Attributes:
        sums: `(K, D)` float64 of the features of each class.
        weight: `(K,)` float64 how many rows that are.
        scatter: `(D, D)` float64 Σ x xᵀ over all rows.
    """

    sums: Tensor
    weight: Tensor
    scatter: Tensor

    @classmethod
    def of(cls, features: Tensor, labels: Tensor, num_classes: int) -> Moments:
        """The moments of labelled rows: `(N, D)` features and `(N,)` labels."""
        sums = torch.zeros(num_classes, features.shape[1], dtype=torch.float64)
        weight = torch.bincount(labels, minlength=num_classes).double()
        return cls(sums.index_add_(0, labels, features.double()), weight, (features.T @ features).double())

    def plus(self, other: Moments, factor: float = 1.0) -> Moments:
        """The moments of these and other rows, the others weighted by a factor."""
        return Moments(
            self.sums + factor * other.sums, self.weight + factor * other.weight, self.scatter + factor * other.scatter
        )

    def head(self, shrinkage: float) -> LinearHead:
        """The discriminants; `shrinkage` of the mean variance of all rows is added to that of every direction."""
        total, classes = self.weight.sum(), len(self.weight)
        means = (self.sums + self.sums.sum(dim=0) / total) / (self.weight[:, None] + 1)
        between = self.sums / self.weight.clamp_min(1e-9).sqrt()[:, None]
        within = (self.scatter - between.T @ between) / total
        within.diagonal().add_(shrinkage * self.scatter.trace() / total / len(within) + 1e-12)
        weight = torch.cholesky_solve(means.T, torch.linalg.cholesky(within)).T
        bias = ((self.weight + 1) / (total + classes)).log() - (weight * means).sum(dim=1) / 2
        return LinearHead(weight.float().contiguous(), bias.float())


SHRINKAGES = (0.05, 0.2, 1.0, 4.0)
"""Candidates for the shrinkage; the fewer rows per class, the more of it is better."""

RIDGE, ENDS = 10.0, 3e-3
"""r of the regression, and the relative decrease of its loss at which the search stops; it starts from zero."""

Transitions = Callable[[int | None], Floats]
"""The fold that is left out, if any → `(K, K)` T from the others."""


@dataclass(frozen=True)
class Discriminants:
    """Discriminants of given and trusted labels.

    Attributes:
        of: `(N,)` the fold of each noisy row; heads without that fold of trusted rows have not seen it.
        mean: `(D,)` subtracted from features before they are summed.
        given: For each fold, sums of its noisy rows by given label.
        trusted: For each fold, sums of its trusted rows.
        shrinkages: `(F + 1)` shrinkage of the full head, then of that without each fold.
    """

    rows: FitRows
    of: Tensor
    mean: Tensor
    given: tuple[Moments, ...]
    trusted: tuple[Moments, ...]
    shrinkages: tuple[float, ...]
    fitted: CrossFitted

    def transitions(self) -> Transitions:
        """T0 by discriminants of the given labels alone; see `expected_transition`."""
        rows, truth = self.rows, self.rows.truth.numpy()
        head = _moved(_sum(self.given, None).head(self.shrinkages[0]), self.mean)
        raw = head.logits(rows.clean)
        warm = raw / fit_temperature(raw.numpy(), truth)
        probabilities: Probabilities = torch.softmax(warm, dim=1).numpy()

        def without(fold: int | None) -> Floats:
            use = slice(None) if fold is None else rows.folds.outside(fold)
            return expected_transition(truth[use], probabilities[use], rows.num_classes)

        return without

    def behind(self, fold: int | None, transition: Floats) -> tuple[Tensor, Tensor]:
        """The posterior q of rows and their given labels, without a fold.

        Args:
            fold: The fold; None for all rows.
            transition: `(K, K)` T without it.

        Returns:
            `(n,)` the noisy rows outside the fold, and `(K, n + m)` q = P(y | x, y') of them, then the truth of the
            trusted rows outside it; in half precision, as it takes most of the memory where classes are very many.
        """
        rows, (use, _) = self.rows, _use(self.rows, fold)
        learned = torch.arange(len(rows.given)) if fold is None else torch.nonzero(self.of != fold)[:, 0]
        head = self.fitted.full if fold is None else self.fitted.without[fold]
        log_t = torch.from_numpy(np.log(transition).astype(np.float32))
        q = torch.zeros(rows.num_classes, len(learned) + len(use), dtype=torch.float16)
        q[rows.truth[use], torch.arange(len(learned), q.shape[1])] = 1
        for part in row_blocks(len(learned), rows.num_classes):
            block = learned[part]
            q[:, part] = torch.softmax(head.columns(rows.noisy[block]).add_(log_t[:, rows.given[block]]), dim=0).half()
        return learned, q

    def again(self, fold: int | None, learned: Tensor, q: Tensor) -> tuple[LinearHead, LinearHead]:
        """A discriminant and a regression on soft labels of noisy rows and trusted rows, without a fold.

        Args:
            fold: The fold; None for all rows.
            learned: `(n,)` noisy rows.
            q: `(K, n + m)` soft labels of these and of the trusted rows; see `behind`.
        """
        rows, (use, factor) = self.rows, _use(self.rows, fold)
        sums = torch.zeros(rows.num_classes, rows.clean.shape[1])
        weight = torch.zeros(rows.num_classes)
        for part in row_blocks(len(learned), rows.num_classes):
            soft_labels = q[:, part].float()
            sums += soft_labels @ (rows.noisy[learned[part]] - self.mean)
            weight += soft_labels.sum(dim=1)
        soft = Moments(sums.double(), weight.double(), _sum(self.given, fold).scatter)
        place = 0 if fold is None else fold + 1
        discriminant = _moved(soft.plus(_sum(self.trusted, fold), factor).head(self.shrinkages[place]), self.mean)

        features = torch.cat([rows.noisy[learned], rows.clean[use]])
        weights = torch.cat([torch.ones(len(learned)), torch.full((len(use),), factor)])
        loss = cross_entropy_to(q.mT, weights)
        zero = LinearHead.zeros(rows.num_classes, features.shape[1])
        return discriminant, minimise(features, loss, RIDGE, zero, 100, ENDS, rows.scaling(RIDGE))


def fit_discriminants(rows: FitRows) -> Discriminants:
    """Discriminants of the given labels and the trusted rows, which have a fifth of the weight.

    The shrinkage is that of the best out-of-fold likelihood.
    """
    return rows.once("discriminants", lambda: _fit_discriminants(rows))


def _fit_discriminants(rows: FitRows) -> Discriminants:
    count, mean = rows.folds.count, rows.noisy.mean(dim=0)
    of = torch.from_numpy(cut_folds(rows.given.numpy(), rows.seed, count).of)

    def sums(features: Tensor, labels: Tensor, folds: Tensor) -> tuple[Moments, ...]:
        masks = (folds == fold for fold in range(count))
        return tuple(Moments.of(features[mask] - mean, labels[mask], rows.num_classes) for mask in masks)

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
    """The shrinkages of the best out-of-fold likelihood, in full and without each fold, and their heads.

    Args:
        mean: `(D,)` what was subtracted from features.
        sums: The fold that is left out, if any → sums of the other rows.
    """
    moments, truth = [sums(fold) for fold in (None, *range(rows.folds.count))], rows.truth.numpy()

    def fitted(shrinkage: float) -> CrossFitted:
        full, *without = (_moved(part.head(shrinkage), mean) for part in moments)
        return calibrated(full, without, rows.folds, rows.clean, truth)

    candidates = [fitted(shrinkage) for shrinkage in SHRINKAGES]
    chosen = likeliest_of_each(candidates, truth)
    return tuple(SHRINKAGES[place] for place in chosen), assembled(candidates, chosen)


def _use(rows: FitRows, fold: int | None) -> tuple[Tensor, float]:
    """The trusted rows outside a fold, and the weight of each."""
    use = np.arange(len(rows.truth)) if fold is None else rows.folds.outside(fold)
    return torch.from_numpy(use), TRUSTED_SHARE * len(rows.given) / max(len(use), 1)


def _sum(of_folds: tuple[Moments, ...], fold: int | None) -> Moments:
    first, *others = (moments for k, moments in enumerate(of_folds) if k != fold)
    for moments in others:
        first = first.plus(moments)
    return first


def _moved(head: LinearHead, mean: Tensor) -> LinearHead:
    """A head for features less their mean, as a head for the features themselves."""
    return LinearHead(head.weight, head.bias - head.weight @ mean)
