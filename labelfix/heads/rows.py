"""The rows of a problem as tensors, and heads fitted to all of them.

Legend: N noisy rows, M trusted rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from labelfix.correctors.contract import Problem
from labelfix.data.arrays import Floats, Singles
from labelfix.data.tables import Codes
from labelfix.heads.class_ratio import class_ratio, row_weights
from labelfix.heads.folds import FOLDS, CrossFitted, Folds, Part, cross_fit_together, cut_folds
from labelfix.heads.stages import Keep, heads_from_arrays, heads_to_arrays
from labelfix.models.features import Inputs
from labelfix.numerics.head_losses import Residual, cross_entropy_to
from labelfix.numerics.linear_heads import SIDE_BY_SIDE, LinearHead, Scaling, minimise, minimise_all, searched_at_once
from labelfix.progress import Progress

Fitted = TypeVar("Fitted")


TRUSTED_SHARE = 0.25
"""Weight of all trusted rows together, relative to the noisy ones: a fifth of the loss."""

NOISY_SAMPLE = 20_000
"""At most this many noisy rows fit n(y'|x) and choose regularisation: with more it changes little and takes longer."""

ROUGH = 1e-4
"""Tolerance where classes are very many and every fit starts from a head that has not seen what is left out."""

LOADED = 65_536
"""Rows read at a time."""


@dataclass(frozen=True)
class FitRows:
    """The data as tensors.

    Attributes:
        features: `(N + M, D)`: noisy rows, then trusted rows. Fits that leave trusted rows out give them weight 0.
        given: `(N,)` given labels.
        truth: `(M,)` trusted labels.
        described: `(K, D)` features of each class's description, less their mean; None without descriptions.
        class_ratio: `(K,)` how much more frequent classes are than their trusted rows; None where they are not. See
            `heads.class_ratio`.
        scalings: r → coordinates of fits on all rows, filled as needed.
        fits: Results of `once`; `replace` makes rows without any.
    """

    features: Tensor
    given: Tensor
    truth: Tensor
    num_classes: int
    folds: Folds
    seed: int
    described: Tensor | None = None
    class_ratio: Floats | None = None
    scalings: dict[float, Scaling] = field(default_factory=dict, compare=False, repr=False)
    fits: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def noisy(self) -> Tensor:
        """`(N, D)` features."""
        return self.features[: len(self.given)]

    @property
    def clean(self) -> Tensor:
        """`(M, D)` features."""
        return self.features[len(self.given) :]

    @property
    def many_classes(self) -> bool:
        """Whether classes are so many that fits are made one at a time and to fewer digits."""
        return self.num_classes > SIDE_BY_SIDE

    def sample(self, most: int) -> Tensor:
        """`(n,)` at most that many noisy rows, drawn at random and sorted."""
        if len(self.given) <= most:
            return torch.arange(len(self.given))
        chosen = np.random.default_rng([self.seed, 31]).choice(len(self.given), most, replace=False)
        return torch.from_numpy(np.sort(chosen))

    def subset(self, rows: Tensor) -> FitRows:
        """The same with some of the noisy rows."""
        if len(rows) == len(self.given):
            return self
        features = torch.cat([self.noisy[rows], self.clean])
        return replace(self, features=features, given=self.given[rows], scalings={})

    def one_hot(self, labels: Tensor) -> Tensor:
        """`(·, K)` float32."""
        return torch.nn.functional.one_hot(labels, self.num_classes).float()

    def weights(self, uses: Sequence[Codes]) -> Tensor:
        """`(B, N + M)` weights ω of the rows in each fit, which may use these trusted rows."""
        weights = torch.zeros(len(uses), len(self.features), dtype=self.features.dtype)
        weights[:, : len(self.given)] = 1
        for row, use in zip(weights, uses, strict=True):
            counts = self.folds.weights[use]
            share = TRUSTED_SHARE * len(self.given) * counts / counts.sum()
            row[torch.from_numpy(use) + len(self.given)] = torch.from_numpy(share).to(row.dtype)
        return weights

    def targets(self, of_noisy: Tensor, use: Codes) -> tuple[Tensor, Tensor]:
        """Soft targets of the noisy rows, then one-hot ones of the trusted rows, and the weights ω.

        Args:
            of_noisy: `(N, K)`.
            use: Trusted rows that the fit may use.

        Returns:
            `(N + M, K)` and `(N + M,)`.
        """
        return torch.cat([of_noisy, self.one_hot(self.truth).to(of_noisy.dtype)]), self.weights([use])[0]

    def fit_plainly(self, noisy: Codes, clean: Codes, ridge: float, start: LinearHead | None) -> LinearHead:
        """A head on the given labels of some noisy rows and the labels of some trusted ones, all of one weight.

        Args:
            start: A head that is near; none where the search begins at 0 and takes longer.
        """
        of_noisy, of_clean = torch.from_numpy(noisy), torch.from_numpy(clean)
        features = torch.cat([self.noisy[of_noisy], self.clean[of_clean]])
        targets = self.one_hot(torch.cat([self.given[of_noisy], self.truth[of_clean]]))
        loss = cross_entropy_to(targets, torch.ones(len(targets)))
        begin = start or LinearHead.zeros(self.num_classes, features.shape[1])
        return minimise(features, loss, ridge, begin, iterations=100 if start is None else 25)

    def scaling(self, ridge: float) -> Scaling:
        """Coordinates of fits on all rows."""
        if ridge not in self.scalings:
            self.scalings[ridge] = Scaling.of(self.features, ridge, self.num_classes)
        return self.scalings[ridge]

    def fit(
        self, residual: Residual, ridge: float, start: LinearHead, iterations: int = 100, tolerance: float = 1e-6
    ) -> LinearHead:
        """A head on all rows; see `minimise`."""
        return minimise(self.features, residual, ridge, start, iterations, tolerance, self.scaling(ridge))

    def fit_all(
        self,
        residual: Residual,
        ridge: float,
        starts: Sequence[LinearHead],
        iterations: int = 100,
        tolerance: float = 1e-6,
    ) -> list[LinearHead]:
        """Heads on all rows, side by side; see `minimise_all`."""
        same = [ridge] * len(starts), starts, [self.scaling(ridge)] * len(starts)
        return minimise_all(self.features, residual, *same, iterations, tolerance)

    def cross_fit(
        self,
        ridge: float,
        begin: LinearHead,
        residual: Callable[[Sequence[Part]], Residual],
        iterations: int = 100,
        tolerance: float = 1e-6,
        apart: Sequence[LinearHead] | None = None,
        keep: Keep | None = None,
    ) -> CrossFitted:
        """Heads on all rows, in full and without each fold.

        Args:
            ridge: r.
            begin: Where the full fit starts.
            residual: (what each head may learn from) → the losses.
            iterations: See `minimise`.
            tolerance: See `minimise`; where it is so rough that the start still shows, give `apart`.
            apart: For each fold, the head its fit starts from, which has not seen the fold; None for the full fit.
            keep: Makes the fit of that name, or recalls it.
        """

        def fit(parts: Sequence[Part], start: LinearHead | None) -> list[LinearHead]:
            starts = [start or begin if apart is None or fold is None else apart[fold] for _, fold in parts]

            def search() -> list[LinearHead]:
                return self.fit_all(residual(parts), ridge, starts, iterations, tolerance)

            if keep is None:
                return search()
            name = f"{ridge:g}-{'full' if start is None else parts[0][1]}"
            return heads_from_arrays(keep(name, lambda: heads_to_arrays(search())))

        return cross_fit_together(fit, self.folds, self.clean, self.truth.numpy(), searched_at_once(self.num_classes))

    def once(self, name: str, fit: Callable[[], Fitted]) -> Fitted:
        """The result of `fit`, which is called once for each name."""
        if name not in self.fits:
            self.fits[name] = fit()
        fitted: Fitted = self.fits[name]
        return fitted


def load_rows(problem: Problem, progress: Progress | None = None, folds: int = FOLDS) -> FitRows:
    """The problem's rows as tensors; loaded once, so that all callers share what is fitted to them."""
    name = f"rows-{folds}"
    if name not in problem.loaded:
        problem.loaded[name] = _load(problem, progress, folds)
    rows: FitRows = problem.loaded[name]
    return rows


def _load(problem: Problem, progress: Progress | None, folds: int) -> FitRows:
    """The problem's rows as tensors. Where a class has no trusted rows, `stand_ins` are added at the end."""
    clean = problem.clean.batch(np.arange(len(problem.clean), dtype=np.int64))
    noisy = len(problem.noisy)
    features = torch.empty(noisy + len(clean), clean.shape[1])
    for first in range(0, noisy, LOADED):
        part = np.arange(first, min(first + LOADED, noisy), dtype=np.int64)
        features[first : first + len(part)] = problem.noisy.batch(part)
    features[noisy:] = clean
    chosen = stand_ins(problem, features[:noisy])
    truth = np.concatenate([problem.truth, problem.given[chosen]])
    if len(chosen):
        features = torch.cat([features, features[torch.from_numpy(chosen)]])
        if progress is not None:
            missing = len(np.unique(problem.given[chosen]))
            progress.warn(
                f"{missing} classes have no trusted rows; {len(chosen)} typical noisy rows of theirs stand in"
            )
    ratio = class_ratio(problem)
    return FitRows(
        features=features,
        given=torch.from_numpy(problem.given),
        truth=torch.from_numpy(truth),
        num_classes=problem.num_classes,
        folds=replace(cut_folds(truth, problem.seed, folds), weights=row_weights(truth, ratio)),
        seed=problem.seed,
        described=None if problem.described is None else _around_mean(torch.from_numpy(problem.described)),
        class_ratio=ratio,
    )


def features_of(inputs: Inputs, rows: Codes) -> Singles:
    """`(n, D)` fixed features of some rows."""
    batch = inputs.batch(rows)
    assert isinstance(batch, Tensor)
    return batch.numpy()


def _around_mean(rows: Tensor) -> Tensor:
    return rows - rows.mean(dim=0)


def stand_ins(problem: Problem, noisy: Tensor) -> Codes:
    """Noisy rows that stand in for classes without trusted rows: those nearest to the mean of their given class.

    Each such class gets the median number of trusted rows of the other classes, at most a tenth of its noisy rows.
    """
    counts = np.bincount(problem.truth, minlength=problem.num_classes)
    median = int(np.median(counts[counts > 0]))
    chosen = [np.zeros(0, dtype=np.int64)]
    for code in np.flatnonzero(counts == 0):
        rows = np.flatnonzero(problem.given == code)
        if len(rows):
            members = noisy[torch.from_numpy(rows)]
            distance = (members - members.mean(dim=0)).pow(2).sum(dim=1).numpy()
            most = max(1, min(median, len(rows) // 10))
            chosen.append(rows[np.argsort(distance, kind="stable")[:most]])
    return np.concatenate(chosen)
