"""Simple correctors on fixed features, held in place by trusted rows.

The anchored recipe stacks them (its members); some are methods of their own.

f_g learns the trusted rows alone, n(y'|x) the given labels alone. S1 learns the Bayes posterior of f_g and the
transition matrix T0; GLC1 and GLC8 maximise the likelihood of the given labels through T0 (Hendrycks et al., NeurIPS
2018); EM1 learns T as well. In all of them trusted rows make up a fifth of the loss.

Legend: N noisy rows, M trusted rows, D features, K classes, T0 rows = true class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from labelfix.correction.base import Problem
from labelfix.correction.folds import CrossFitted, Folds, cross_fit, cut
from labelfix.correction.transition import Matrix, expected_transition, normalised
from labelfix.data.tables import Codes
from labelfix.progress import Progress
from labelfix.training.linear import LinearHead, cross_entropy_to, forward_likelihood, minimise

TRUSTED_SHARE = 0.25
"""Weight of all trusted rows together, relative to the noisy ones: a fifth of the loss."""

SAMPLE = 20_000
"""Noisy rows that choose regularisation and fit n(y'|x)."""

MOST_EM_CLASSES = 20
"""EM over T is left out above this: T has too many entries for it."""

EM_PRIOR = 20.0
"""Strength of the prior on EM's T, in given labels a class."""


@dataclass(frozen=True)
class Rows:
    """The data as tensors.

    Attributes:
        noisy: `(N, D)` features.
        given: `(N,)` given labels.
        clean: `(M, D)` features.
        truth: `(M,)` trusted labels.
        num_classes: K.
        folds: Of the trusted rows.
        seed: The run's seed.
    """

    noisy: Tensor
    given: Tensor
    clean: Tensor
    truth: Tensor
    num_classes: int
    folds: Folds
    seed: int

    def sample(self, most: int) -> Tensor:
        """At most so many noisy rows, in order."""
        if len(self.given) <= most:
            return torch.arange(len(self.given))
        chosen = np.random.default_rng([self.seed, 31]).choice(len(self.given), most, replace=False)
        return torch.from_numpy(np.sort(chosen))

    def subset(self, rows: Tensor) -> Rows:
        """The same with some of the noisy rows."""
        if len(rows) == len(self.given):
            return self
        return Rows(self.noisy[rows], self.given[rows], self.clean, self.truth, self.num_classes, self.folds, self.seed)

    def one_hot(self, labels: Tensor) -> Tensor:
        """`(·, K)` float32."""
        return torch.nn.functional.one_hot(labels, self.num_classes).float()


def load(problem: Problem, progress: Progress | None = None) -> Rows:
    """The problem's rows as tensors, with folds of the trusted ones.

    A class without trusted rows is represented among them by noisy rows: see `stand_ins`. They come last.
    """
    every = [np.arange(len(part), dtype=np.int64) for part in (problem.noisy, problem.clean)]
    noisy, clean = problem.noisy.batch(every[0]), problem.clean.batch(every[1])
    chosen = stand_ins(problem, noisy)
    truth = np.concatenate([problem.truth, problem.given[chosen]])
    if len(chosen) and progress is not None:
        missing = len(np.unique(problem.given[chosen]))
        progress.warn(f"{missing} classes have no trusted rows; {len(chosen)} typical noisy rows of theirs stand in")
    return Rows(
        noisy=noisy,
        given=torch.from_numpy(problem.given),
        clean=torch.cat([clean, noisy[torch.from_numpy(chosen)]]),
        truth=torch.from_numpy(truth),
        num_classes=problem.num_classes,
        folds=cut(truth, problem.seed),
        seed=problem.seed,
    )


def stand_ins(problem: Problem, noisy: Tensor) -> Codes:
    """Noisy rows for the classes that no trusted row has: those nearest to the mean of their given class.

    As many a class as the other classes have trusted rows in the median, and at most a tenth of its noisy rows.
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


def fit_trusted_only(rows: Rows) -> CrossFitted:
    """f_g, regularised as out-of-fold likelihood likes it best."""
    truth = rows.truth.numpy()
    best: CrossFitted | None = None
    for ridge in (1.0, 10.0, 100.0, 1000.0):

        def fit(use: Codes, _: int | None, start: LinearHead | None, ridge: float = ridge) -> LinearHead:
            index = torch.from_numpy(use)
            begin = start or LinearHead.zeros(rows.num_classes, rows.clean.shape[1])
            targets = cross_entropy_to(rows.one_hot(rows.truth[index]), torch.ones(len(index)))
            return minimise(rows.clean[index], targets, ridge, begin)

        found = cross_fit(fit, rows.folds, rows.clean, truth)
        if best is None or found.nll(truth) < best.nll(truth):
            best = found
    assert best is not None
    return best


def fit_given_labels(rows: Rows) -> LinearHead:
    """n(y'|x), on noisy rows only; regularised by 5-fold likelihood."""
    part = rows.subset(rows.sample(SAMPLE))
    folds = cut(part.given.numpy(), rows.seed, 5)
    scores: dict[float, float] = {}
    full: dict[float, LinearHead] = {}
    for ridge in (1.0, 10.0):
        weights = torch.ones(len(part.given))
        begin = LinearHead.zeros(rows.num_classes, rows.noisy.shape[1])
        full[ridge] = minimise(part.noisy, cross_entropy_to(part.one_hot(part.given), weights), ridge, begin)
        scores[ridge] = 0.0
        for fold in range(folds.count):
            use, out = torch.from_numpy(folds.outside(fold)), torch.from_numpy(folds.inside(fold))
            targets = cross_entropy_to(part.one_hot(part.given[use]), weights[use])
            head = minimise(part.noisy[use], targets, ridge, full[ridge], iterations=25)
            scores[ridge] -= float(
                head.log_probabilities(part.noisy[out])[torch.arange(len(out)), part.given[out]].sum()
            )
    return full[min(scores, key=lambda ridge: scores[ridge])]


def transitions(rows: Rows, of_given: LinearHead) -> tuple[Matrix, tuple[Matrix, ...]]:
    """T0 from all trusted rows, and without each fold."""
    probabilities = of_given.log_probabilities(rows.clean).exp().numpy().astype(np.float64)
    truth = rows.truth.numpy()

    def estimate(use: Codes) -> Matrix:
        return expected_transition(truth[use], probabilities[use], rows.num_classes)

    return estimate(np.arange(len(truth))), tuple(estimate(rows.folds.outside(k)) for k in range(rows.folds.count))


def with_trusted(rows: Rows, use: Codes, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Noisy rows with soft targets and trusted rows one-hot beneath: features, targets, weights."""
    index = torch.from_numpy(use)
    weight = TRUSTED_SHARE * len(targets) / max(len(index), 1)
    return (
        torch.cat([rows.noisy, rows.clean[index]]),
        torch.cat([targets, rows.one_hot(rows.truth[index])]),
        torch.cat([torch.ones(len(targets)), torch.full((len(index),), weight)]),
    )


def fit_bayes_student(
    rows: Rows, trusted_only: CrossFitted, full: Matrix, without: Sequence[Matrix]
) -> tuple[CrossFitted, float]:
    """S1 and its r: 1, or 8 where that is clearly better out of fold."""
    truth = rows.truth.numpy()

    def fitted(ridge: float) -> CrossFitted:
        def fit(use: Codes, fold: int | None, start: LinearHead | None) -> LinearHead:
            prior = trusted_only.full if fold is None else trusted_only.without[fold]
            matrix = full if fold is None else without[fold]
            log_t = torch.from_numpy(np.log(matrix)).float()
            q = torch.softmax(prior.log_probabilities(rows.noisy) + log_t[:, rows.given].T, dim=1)
            features, targets, weights = with_trusted(rows, use, q)
            return minimise(features, cross_entropy_to(targets, weights), ridge, start or prior, _iterations(start))

        return cross_fit(fit, rows.folds, rows.clean, truth)

    tight, loose = fitted(1.0), fitted(8.0)
    return (loose, 8.0) if loose.nll(truth) < 0.98 * tight.nll(truth) else (tight, 1.0)


def fit_glc(rows: Rows, full: Matrix, without: Sequence[Matrix], ridge: float, begin: CrossFitted) -> CrossFitted:
    """GLC with trusted rows weighted."""

    def fit(use: Codes, fold: int | None, start: LinearHead | None) -> LinearHead:
        matrix = full if fold is None else without[fold]
        columns = torch.from_numpy(matrix).float()[:, rows.given].T
        features, likelihood, weights = with_trusted(rows, use, columns)
        first = start or begin.full
        return minimise(features, forward_likelihood(likelihood, weights), ridge, first, _iterations(start))

    return cross_fit(fit, rows.folds, rows.clean, rows.truth.numpy())


def fit_em(rows: Rows, full: Matrix, without: Sequence[Matrix], begin: CrossFitted, rounds: int = 12) -> CrossFitted:
    """GLC with T learned by EM under a Dirichlet prior of 20·T0: T and the head in turn."""

    def fit(use: Codes, fold: int | None, start: LinearHead | None) -> LinearHead:
        prior = full if fold is None else without[fold]
        matrix, head = prior, start or begin.full
        for _ in range(rounds if start is None else 3):
            matrix = learned_transition(head.log_probabilities(rows.noisy), rows.given, matrix, prior, rounds=1)
            columns = torch.from_numpy(matrix).float()[:, rows.given].T
            features, likelihood, weights = with_trusted(rows, use, columns)
            head = minimise(features, forward_likelihood(likelihood, weights), 1.0, head, iterations=15)
        return head

    return cross_fit(fit, rows.folds, rows.clean, rows.truth.numpy())


def learned_transition(log_p: Tensor, given: Tensor, start: Matrix, prior: Matrix, rounds: int) -> Matrix:
    """EM over T with the classifier fixed: T[c, j] ∝ Σ_i P(c | x_i, y'_i) [y'_i = j] + 20·T0[c, j].

    Args:
        log_p: `(N, K)` log f(x).
        given: `(N,)` given labels.
        start: Where T begins.
        prior: `(K, K)` T0.
        rounds: EM rounds.
    """
    matrix, classes = start, len(prior)
    member = torch.nn.functional.one_hot(given, classes).float()
    for _ in range(rounds):
        log_t = torch.from_numpy(np.log(matrix)).float()
        share = torch.softmax(log_p + log_t[:, given].T, dim=1)
        matrix = normalised((share.T @ member).numpy().astype(np.float64) + EM_PRIOR * prior)
    return matrix


def _iterations(start: LinearHead | None) -> int:
    # A fit that begins at the one with all trusted rows has little left to do.
    return 100 if start is None else 25
