"""Simple correctors on fixed features, held in place by trusted rows.

The anchored recipe stacks them (its members); some are methods of their own.

f_g learns the trusted rows alone, n(y'|x) the given labels alone. S1 learns the Bayes posterior of f_g and the
transition matrix T0; GLC8 maximises the likelihood of the given labels through T0 (Hendrycks et al., NeurIPS 2018); N1
learns the given labels as they are. In all of them trusted rows make up a fifth of the loss.

Legend: N noisy rows, M trusted rows, D features, K classes, T0 rows = true class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.correction.base import Problem
from labelfix.correction.folds import FOLDS, CrossFitted, Folds, assembled, cross_fit, cut, likeliest
from labelfix.correction.transition import Matrix, expected_transition, normalised, paired_transition
from labelfix.data.tables import Codes
from labelfix.progress import Progress
from labelfix.training.linear import (
    LinearHead,
    Residual,
    Scaling,
    cross_entropy_to,
    forward_likelihood,
    minimise,
)

TRUSTED_SHARE = 0.25
"""Weight of all trusted rows together, relative to the noisy ones: a fifth of the loss."""

SAMPLE = 20_000
"""Noisy rows that choose regularisation and fit n(y'|x)."""

AS_GIVEN_RIDGE = 1.0
"""r of N1."""

DESCRIBED_SCALES = (10.0, 30.0)
"""What the features of classes' own words, of about unit norm, are multiplied by to be weights: cosines of a sentence
encoder differ by a tenth or two between classes."""

DRAWN_SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Shares of given labels that a head cannot explain."""

EM_PRIOR = 20.0
"""Strength of the prior on EM's T, in given labels a class."""


@dataclass(frozen=True)
class Rows:
    """The data as tensors.

    Attributes:
        features: `(N + M, D)`: noisy rows, and trusted ones beneath. Fits that leave trusted rows out weigh them 0.
        given: `(N,)` given labels.
        truth: `(M,)` trusted labels.
        num_classes: K.
        folds: Of the trusted rows.
        seed: The run's seed.
        described: `(K, D)` the features of each class's own words, around their mean; None where none are given.
        scalings: r → the coordinates of fits on all rows, as they are asked for.
    """

    features: Tensor
    given: Tensor
    truth: Tensor
    num_classes: int
    folds: Folds
    seed: int
    described: Tensor | None = None
    scalings: dict[float, Scaling] = field(default_factory=dict, compare=False, repr=False)

    @property
    def noisy(self) -> Tensor:
        """`(N, D)` features."""
        return self.features[: len(self.given)]

    @property
    def clean(self) -> Tensor:
        """`(M, D)` features."""
        return self.features[len(self.given) :]

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
        features = torch.cat([self.noisy[rows], self.clean])
        return Rows(features, self.given[rows], self.truth, self.num_classes, self.folds, self.seed, self.described)

    def one_hot(self, labels: Tensor) -> Tensor:
        """`(·, K)` float32."""
        return torch.nn.functional.one_hot(labels, self.num_classes).float()

    def targets(self, of_noisy: Tensor, use: Codes) -> tuple[Tensor, Tensor]:
        """Soft targets or likelihoods of the noisy rows, trusted rows one-hot beneath, and the weights ω.

        Args:
            of_noisy: `(N, K)`.
            use: Trusted rows that count.

        Returns:
            `(N + M, K)` and `(N + M,)`.
        """
        weights = torch.zeros(len(self.features), dtype=self.features.dtype)
        weights[: len(self.given)] = 1
        weights[torch.from_numpy(use) + len(self.given)] = TRUSTED_SHARE * len(self.given) / max(len(use), 1)
        return torch.cat([of_noisy, self.one_hot(self.truth).to(of_noisy.dtype)]), weights

    def fit(
        self, residual: Residual, ridge: float, start: LinearHead, iterations: int = 100, tolerance: float = 1e-6
    ) -> LinearHead:
        """A head on all rows; see `minimise`."""
        if ridge not in self.scalings:
            self.scalings[ridge] = Scaling.of(self.features, ridge, self.num_classes)
        return minimise(self.features, residual, ridge, start, iterations, tolerance, self.scalings[ridge])


def load(problem: Problem, progress: Progress | None = None, folds: int = FOLDS) -> Rows:
    """The problem's rows as tensors, with so many folds of the trusted ones.

    A class without trusted rows is represented among them by noisy rows: see `stand_ins`. They come last.
    """
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
    return Rows(
        features=features,
        given=torch.from_numpy(problem.given),
        truth=torch.from_numpy(truth),
        num_classes=problem.num_classes,
        folds=cut(truth, problem.seed, folds),
        seed=problem.seed,
        described=None if problem.described is None else _around_mean(torch.from_numpy(problem.described)),
    )


def _around_mean(rows: Tensor) -> Tensor:
    return rows - rows.mean(dim=0)


LOADED = 65_536
"""Rows that are read at a time."""


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
    """f_g, regularised as out-of-fold likelihood likes it best.

    Where the classes have words of their own, weights are drawn towards these words' features instead of zero, if that
    is clearly better; see `fits_better`.
    """
    truth, zero = rows.truth.numpy(), LinearHead.zeros(rows.num_classes, rows.clean.shape[1])
    plain = likeliest([_drawn_to(rows, zero, ridge) for ridge in (1.0, 10.0, 100.0, 1000.0)], truth)[1]
    if rows.described is None:
        return plain
    starts = [LinearHead(rows.described * scale, zero.bias) for scale in DESCRIBED_SCALES]
    drawn = likeliest([_drawn_to(rows, start, ridge) for start in starts for ridge in (1.0, 10.0, 100.0)], truth)[1]
    of_noisy = rows.subset(rows.sample(SAMPLE))
    gain = plain.losses(truth) - drawn.losses(truth)
    every = [(plain.full, drawn.full, gain)]
    every += [
        (one, other, gain[rows.folds.outside(fold)])
        for fold, (one, other) in enumerate(zip(plain.without, drawn.without, strict=True))
    ]
    return assembled([plain, drawn], [int(fits_better(of_noisy, *each)) for each in every])


def fits_better(rows: Rows, plain: LinearHead, drawn: LinearHead, gain: npt.NDArray[np.float64]) -> bool:
    """Whether a head that is drawn to the classes' words is clearly better than one that is not.

    A few trusted rows cannot tell by themselves. The given labels of the noisy rows, which neither head has seen, can:
    they have to be likelier by more than a standard error, where each is what the head says with probability 1 - e, and
    else drawn from all given labels, at the e that suits the head best. Trusted rows have a veto, since given labels
    may have been made from such words.

    Args:
        rows: Some noisy rows.
        plain: A head of trusted rows.
        drawn: One of the same trusted rows, drawn to the words.
        gain: By how much the second has a lower loss on trusted rows that neither has seen.
    """
    if len(rows.given) < 2 or gain.mean() <= 0:
        return False
    likelier = (_of_given(rows, drawn) - _of_given(rows, plain)).double().numpy()
    return bool(likelier.mean() > likelier.std(ddof=1) / np.sqrt(len(likelier)))


def _of_given(rows: Rows, head: LinearHead) -> Tensor:
    """`(N,)` log-likelihood of the given labels by a head, some of them being drawn from all."""
    said = head.log_probabilities(rows.noisy).exp()[torch.arange(len(rows.given)), rows.given]
    shares = torch.bincount(rows.given, minlength=rows.num_classes)[rows.given] / len(rows.given)
    mixed = [torch.log((1 - drawn) * said + drawn * shares) for drawn in DRAWN_SHARES]
    return max(mixed, key=lambda each: float(each.mean()))


def _drawn_to(rows: Rows, start: LinearHead, ridge: float) -> CrossFitted:
    """A head of the trusted rows whose weights are drawn to those of another, as strongly as r says."""
    targets, scaling = rows.one_hot(rows.truth), Scaling.of(rows.clean, ridge, rows.num_classes)
    offset = start.logits(rows.clean)

    def fit(use: Codes, _: int | None, begin: LinearHead | None) -> LinearHead:
        weights = torch.zeros(len(targets))
        weights[torch.from_numpy(use)] = 1
        loss = cross_entropy_to(targets, weights)

        def beside(logits: Tensor, part: slice) -> tuple[float, Tensor]:
            return loss(logits + offset[part], part)

        first = LinearHead.zeros(*start.weight.shape) if begin is None else begin.plus(start, -1)
        return minimise(rows.clean, beside, ridge, first, scaling=scaling).plus(start)

    return cross_fit(fit, rows.folds, rows.clean, rows.truth.numpy())


def fit_given_labels(rows: Rows) -> LinearHead:
    """n(y'|x), on noisy rows only; regularised by 5-fold likelihood."""
    part = rows.subset(rows.sample(SAMPLE))
    folds = torch.from_numpy(cut(part.given.numpy(), rows.seed, 5).of)
    targets, every = part.one_hot(part.given), torch.ones(len(part.given))
    losses: dict[float, float] = {}
    full: dict[float, LinearHead] = {}
    for ridge in (1.0, 10.0):
        scaling = Scaling.of(part.noisy, ridge, rows.num_classes)
        begin = LinearHead.zeros(rows.num_classes, part.noisy.shape[1])
        full[ridge] = minimise(part.noisy, cross_entropy_to(targets, every), ridge, begin, scaling=scaling)
        losses[ridge] = 0.0
        for fold in folds.unique():
            used = cross_entropy_to(targets, (folds != fold).float())
            head = minimise(part.noisy, used, ridge, full[ridge], scaling=scaling)
            inside = torch.nonzero(folds == fold)[:, 0]
            said = head.log_probabilities(part.noisy[inside])[torch.arange(len(inside)), part.given[inside]]
            losses[ridge] -= float(said.double().sum())
    return full[min(losses, key=lambda ridge: losses[ridge])]


def transitions(rows: Rows, of_given: LinearHead) -> tuple[Matrix, tuple[Matrix, ...]]:
    """T0 from all trusted rows, and without each fold."""
    probabilities = of_given.log_probabilities(rows.clean).exp().numpy().astype(np.float64)
    truth = rows.truth.numpy()

    def estimate(use: Codes) -> Matrix:
        return expected_transition(truth[use], probabilities[use], rows.num_classes)

    return estimate(np.arange(len(truth))), tuple(estimate(rows.folds.outside(k)) for k in range(rows.folds.count))


def paired_transitions(problem: Problem, rows: Rows, of_given: LinearHead) -> tuple[Matrix, tuple[Matrix, ...]]:
    """The same, sharpened by the trusted rows whose given label is known."""
    full, without = transitions(rows, of_given)
    of = rows.folds.of[: len(problem.truth)]
    others = [of != fold for fold in range(rows.folds.count)]
    return paired_transition(problem.truth, problem.paired_given, full), tuple(
        paired_transition(problem.truth[use], problem.paired_given[use], matrix)
        for use, matrix in zip(others, without, strict=True)
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
            return rows.fit(cross_entropy_to(*rows.targets(q, use)), ridge, start or prior)

        return cross_fit(fit, rows.folds, rows.clean, truth)

    tight, loose = fitted(1.0), fitted(8.0)
    return (loose, 8.0) if loose.nll(truth) < 0.98 * tight.nll(truth) else (tight, 1.0)


def fit_glc(rows: Rows, full: Matrix, without: Sequence[Matrix], ridge: float, begin: CrossFitted) -> CrossFitted:
    """GLC with trusted rows weighted."""

    def fit(use: Codes, fold: int | None, start: LinearHead | None) -> LinearHead:
        matrix = full if fold is None else without[fold]
        columns = torch.from_numpy(matrix).float()[:, rows.given].T
        return rows.fit(forward_likelihood(*rows.targets(columns, use)), ridge, start or begin.full)

    return cross_fit(fit, rows.folds, rows.clean, rows.truth.numpy())


def fit_as_given(rows: Rows, begin: CrossFitted) -> CrossFitted:
    """N1: the given labels taken at their word, beside the trusted rows."""
    given = rows.one_hot(rows.given)

    def fit(use: Codes, _: int | None, start: LinearHead | None) -> LinearHead:
        return rows.fit(cross_entropy_to(*rows.targets(given, use)), AS_GIVEN_RIDGE, start or begin.full)

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
