"""Simple correctors on fixed features, held in place by trusted rows.

The anchored recipe stacks them (its members); some are methods of their own.

f_g learns the trusted rows alone, n(y'|x) the given labels alone. S1 learns the Bayes posterior of f_g and the
transition matrix T0; GLC8 maximises the likelihood of the given labels through T0 (Hendrycks et al., NeurIPS 2018); N1
learns the given labels as they are. In all of them trusted rows make up a fifth of the loss.

Legend: N noisy rows, M trusted rows, D features, K classes, T0 rows = true class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.correctors.contract import Problem
from labelfix.data.tables import Codes
from labelfix.heads.folds import (
    FOLDS,
    CrossFitted,
    Folds,
    Part,
    assembled,
    calibrated,
    cross_fit_together,
    cut,
    likeliest,
)
from labelfix.numerics.linear_heads import (
    LinearHead,
    Residual,
    Scaling,
    cross_entropy_of,
    cross_entropy_to,
    forward_likelihood,
    minimise,
    minimise_all,
    together,
)
from labelfix.numerics.transition import Matrix, expected_transition, normalised, paired_transition
from labelfix.progress import Progress

Fitted = TypeVar("Fitted")

TRUSTED_SHARE = 0.25
"""Weight of all trusted rows together, relative to the noisy ones: a fifth of the loss."""

SAMPLE = 20_000
"""Noisy rows that choose regularisation and fit n(y'|x)."""

TRUSTED_RIDGES = (1.0, 10.0, 100.0, 1000.0)
"""Candidates for r of f_g."""

GIVEN_RIDGES, GIVEN_FOLDS = (1.0, 10.0), 5
"""Candidates for r of n(y'|x), and the folds of noisy rows, of which the first one chooses."""

AS_GIVEN_RIDGE = 1.0
"""r of N1."""

DESCRIBED_SCALES = (10.0, 30.0)
"""What the features of classes' own words, of about unit norm, are multiplied by to be weights: cosines of a sentence
encoder differ by a tenth or two between classes."""

CLEARLY, MOST_ERRORS = 2.0, 3.0
"""Of a gain by the classes' words, in standard errors: how much is clear, and how much one side counts at most, so that
given labels, which may have been made from such words, never outweigh trusted rows that lose more than one. With two
trusted rows a class, five draws, both together gain 2.2 to 5.9 on NoisyAG-News, where class names raise accuracy by a
quarter, and at most 1.8 on TREC, whose codes lower it by a hundredth."""

DRAWN_SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Shares of given labels that a head cannot explain."""

DESCRIBED_RIDGES = (1.0, 10.0, 100.0)
"""Candidates for r of a head that is drawn to the classes' own words."""

GLC_SEARCH = 25, 1e-5
"""Iterations and tolerance of GLC's fits. Its loss is not convex and has long flat valleys: to go on to 1e-8 takes five
times as long, and out of fold the heads are no likelier."""

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
        fits: What was fitted to them; see `once`. Rows that are made of these by `replace` begin without.
    """

    features: Tensor
    given: Tensor
    truth: Tensor
    num_classes: int
    folds: Folds
    seed: int
    described: Tensor | None = None
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

    def weights(self, uses: Sequence[Codes]) -> Tensor:
        """`(B, N + M)` ω of fits on all rows.

        Args:
            uses: Trusted rows that count, of each fit.
        """
        weights = torch.zeros(len(uses), len(self.features), dtype=self.features.dtype)
        weights[:, : len(self.given)] = 1
        for own, use in zip(weights, uses, strict=True):
            own[torch.from_numpy(use) + len(self.given)] = TRUSTED_SHARE * len(self.given) / max(len(use), 1)
        return weights

    def targets(self, of_noisy: Tensor, use: Codes) -> tuple[Tensor, Tensor]:
        """Soft targets of the noisy rows, trusted rows one-hot beneath, and the weights ω.

        Args:
            of_noisy: `(N, K)`.
            use: Trusted rows that count.

        Returns:
            `(N + M, K)` and `(N + M,)`.
        """
        return torch.cat([of_noisy, self.one_hot(self.truth).to(of_noisy.dtype)]), self.weights([use])[0]

    def scaling(self, ridge: float) -> Scaling:
        """The coordinates of fits on all rows."""
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
    ) -> CrossFitted:
        """Heads on all rows, in full and without each fold.

        Args:
            ridge: r.
            begin: Where the full fit begins.
            residual: (what each head may learn from) → the losses.
            iterations: As for `minimise`.
            tolerance: Likewise.
        """

        def fit(parts: Sequence[Part], start: LinearHead | None) -> list[LinearHead]:
            return self.fit_all(residual(parts), ridge, [start or begin] * len(parts), iterations, tolerance)

        return cross_fit_together(fit, self.folds, self.clean, self.truth.numpy(), together(self.num_classes))

    def once(self, name: str, fit: Callable[[], Fitted]) -> Fitted:
        """What was fitted to these rows under this name before, or is now."""
        if name not in self.fits:
            self.fits[name] = fit()
        found: Fitted = self.fits[name]
        return found


def load(problem: Problem, progress: Progress | None = None, folds: int = FOLDS) -> Rows:
    """The problem's rows as tensors; whoever asks again is given the same, and shares what is fitted to them."""
    name = f"rows-{folds}"
    if name not in problem.loaded:
        problem.loaded[name] = _load(problem, progress, folds)
    rows: Rows = problem.loaded[name]
    return rows


def _load(problem: Problem, progress: Progress | None, folds: int) -> Rows:
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
    return rows.once("trusted-only", lambda: _fit_trusted_only(rows))


def _fit_trusted_only(rows: Rows) -> CrossFitted:
    truth, zero = rows.truth.numpy(), LinearHead.zeros(rows.num_classes, rows.clean.shape[1])
    plain = likeliest(_drawn_to(rows, zero, TRUSTED_RIDGES), truth)[1]
    if rows.described is None:
        return plain
    starts = [LinearHead(rows.described * scale, zero.bias) for scale in DESCRIBED_SCALES]
    drawn = likeliest([each for start in starts for each in _drawn_to(rows, start, DESCRIBED_RIDGES)], truth)[1]
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

    A few trusted rows can hardly tell by themselves. The given labels of the noisy rows, which neither head has seen,
    tell as well: each is what the head says with probability 1 - e and else drawn from all given labels, at the e that
    suits the head best; since rows of a class go wrong together, the mean of each class counts as one figure. Gains
    on both sides are counted in standard errors and added up.

    Args:
        rows: Some noisy rows.
        plain: A head of trusted rows.
        drawn: One of the same trusted rows, drawn to the words.
        gain: By how much the second has a lower loss on trusted rows that neither has seen.
    """
    if not len(rows.given):
        return False
    classes, counts = np.unique(rows.given.numpy(), return_counts=True)
    likelier = (_of_given(rows, drawn) - _of_given(rows, plain)).double().numpy()
    of_classes = np.bincount(rows.given.numpy(), likelier, rows.num_classes)[classes] / counts
    return _errors(gain) + _errors(of_classes) > CLEARLY


def _errors(gains: npt.NDArray[np.float64]) -> float:
    """How many standard errors the mean of some figures lies above 0, at most `MOST_ERRORS`."""
    if len(gains) < 2:
        return 0.0
    error = max(float(gains.std(ddof=1)) / np.sqrt(len(gains)), 1e-12)
    return min(float(gains.mean() / error), MOST_ERRORS)


def _of_given(rows: Rows, head: LinearHead) -> Tensor:
    """`(N,)` log-likelihood of the given labels by a head, some of them being drawn from all."""
    said = head.log_probabilities(rows.noisy).exp()[torch.arange(len(rows.given)), rows.given]
    shares = torch.bincount(rows.given, minlength=rows.num_classes)[rows.given] / len(rows.given)
    mixed = [torch.log((1 - drawn) * said + drawn * shares) for drawn in DRAWN_SHARES]
    return max(mixed, key=lambda each: float(each.mean()))


def _drawn_to(rows: Rows, start: LinearHead, ridges: Sequence[float]) -> list[CrossFitted]:
    """Heads of the trusted rows whose weights are drawn to those of another, as strongly as each r says."""
    scalings = {ridge: Scaling.of(rows.clean, ridge, rows.num_classes) for ridge in ridges}
    offset = start.logits(rows.clean).T

    def fit(asked: Sequence[tuple[float, int | None]], starts: Sequence[LinearHead]) -> list[LinearHead]:
        used = torch.from_numpy(np.stack([rows.folds.of != fold for _, fold in asked])).float()
        loss, own = cross_entropy_of(rows.truth, used), [ridge for ridge, _ in asked]

        def beside(logits: Tensor, part: slice, which: Tensor) -> tuple[Tensor, Tensor]:
            return loss(logits + offset[:, part], part, which)

        begin = [head.plus(start, -1) for head in starts]
        found = minimise_all(rows.clean, beside, own, begin, [scalings[ridge] for ridge in own])
        return [head.plus(start) for head in found]

    full = in_groups(rows, fit, [(ridge, None) for ridge in ridges], [start] * len(ridges))
    asked = [(ridge, fold) for ridge in ridges for fold in range(rows.folds.count)]
    without = in_groups(rows, fit, asked, [head for head in full for _ in range(rows.folds.count)])
    truth, count = rows.truth.numpy(), rows.folds.count
    return [
        calibrated(head, without[i * count : (i + 1) * count], rows.folds, rows.clean, truth)
        for i, head in enumerate(full)
    ]


Asked = TypeVar("Asked")


def in_groups(
    rows: Rows,
    fit: Callable[[Sequence[Asked], Sequence[LinearHead]], list[LinearHead]],
    asked: Sequence[Asked],
    starts: Sequence[LinearHead],
) -> list[LinearHead]:
    """Heads, as many side by side as is worth it.

    Args:
        rows: The data.
        fit: (what is asked of each, where each begins) → heads.
        asked: Of all heads.
        starts: Of all heads.
    """
    size = together(rows.num_classes)
    groups = [slice(first, first + size) for first in range(0, len(asked), size)]
    return [head for group in groups for head in fit(asked[group], starts[group])]


@dataclass(frozen=True)
class GivenLabels:
    """n(y'|x), in full and without each fold of the noisy rows that it learned.

    Attributes:
        learned: `(n,)` those rows.
        of: `(n,)` the fold of each.
        ridge: r.
        full: The head of all.
        without: The heads without fold 0, 1, …
    """

    learned: Tensor
    of: Tensor
    ridge: float
    full: LinearHead
    without: tuple[LinearHead, ...]


def fit_given_labels(rows: Rows) -> LinearHead:
    """n(y'|x), on noisy rows only; regularised by the likelihood of a fold of five."""
    return given_labels(rows).full


def given_labels(rows: Rows) -> GivenLabels:
    """The same, with the heads that chose r."""
    return rows.once("given-labels", lambda: _given_labels(rows))


def _given_labels(rows: Rows) -> GivenLabels:
    learned = rows.sample(SAMPLE)
    noisy, given = rows.subset(learned).noisy, rows.given[learned]
    of = torch.from_numpy(cut(given.numpy(), rows.seed, GIVEN_FOLDS).of)
    zeros = LinearHead.zeros(rows.num_classes, noisy.shape[1])
    scalings = {ridge: Scaling.of(noisy, ridge, rows.num_classes) for ridge in GIVEN_RIDGES}

    def fit(asked: Sequence[tuple[float, int]], starts: Sequence[LinearHead]) -> list[LinearHead]:
        used, ridges = torch.stack([of != fold for _, fold in asked]).float(), [ridge for ridge, _ in asked]
        return minimise_all(noisy, cross_entropy_of(given, used), ridges, starts, [scalings[r] for r in ridges])

    # One fold tells the candidates apart: it has hundreds of rows or more, and they differ by a factor of ten.
    tried = in_groups(rows, fit, [(ridge, 0) for ridge in GIVEN_RIDGES], [zeros] * len(GIVEN_RIDGES))
    inside = torch.nonzero(of == 0)[:, 0]
    losses = [
        -float(head.log_probabilities(noisy[inside])[torch.arange(len(inside)), given[inside]].double().sum())
        for head in tried
    ]
    best = int(np.argmin(losses))
    ridge, first = GIVEN_RIDGES[best], tried[best]
    folds = [-1, *range(1, int(of.max()) + 1)]  # fold −1 leaves nothing out
    full, *others = in_groups(rows, fit, [(ridge, fold) for fold in folds], [first] * len(folds))
    return GivenLabels(learned, of, ridge, full, (first, *others))


def transitions(rows: Rows, of_given: LinearHead) -> tuple[Matrix, tuple[Matrix, ...]]:
    """T0 from all trusted rows, and without each fold."""
    probabilities = of_given.log_probabilities(rows.clean).exp().numpy().astype(np.float64)
    truth = rows.truth.numpy()

    def estimate(use: Codes) -> Matrix:
        return expected_transition(truth[use], probabilities[use], rows.num_classes)

    return estimate(np.arange(len(truth))), tuple(estimate(rows.folds.outside(k)) for k in range(rows.folds.count))


def given_transitions(rows: Rows) -> tuple[Matrix, tuple[Matrix, ...]]:
    """The same by n(y'|x) of these rows."""
    return rows.once("transitions", lambda: transitions(rows, fit_given_labels(rows)))


def paired_transitions(problem: Problem, rows: Rows, of_given: LinearHead) -> tuple[Matrix, tuple[Matrix, ...]]:
    """The same, sharpened by the trusted rows whose given label is known."""
    full, without = transitions(rows, of_given)
    of = rows.folds.of[: len(problem.truth)]
    others = [of != fold for fold in range(rows.folds.count)]
    return paired_transition(problem.truth, problem.paired_given, full), tuple(
        paired_transition(problem.truth[use], problem.paired_given[use], matrix)
        for use, matrix in zip(others, without, strict=True)
    )


def fit_bayes_student(rows: Rows) -> tuple[CrossFitted, float]:
    """S1 and its r: 1, or 8 where that is clearly better out of fold."""
    trusted_only, (full, without) = fit_trusted_only(rows), given_transitions(rows)
    truth, noisy = rows.truth.numpy(), len(rows.given)

    def residual(parts: Sequence[Part]) -> Residual:
        q = torch.zeros(len(parts), rows.num_classes, len(rows.features), dtype=rows.features.dtype)
        for own, (_, fold) in zip(q, parts, strict=True):
            prior = trusted_only.full if fold is None else trusted_only.without[fold]
            log_t = torch.from_numpy(np.log(full if fold is None else without[fold])).to(q.dtype)
            own[:, :noisy] = torch.softmax(prior.columns(rows.noisy).add_(log_t[:, rows.given]), dim=0)
            own[rows.truth, torch.arange(noisy, len(rows.features))] = 1
        return cross_entropy_to(q.mT, rows.weights([use for use, _ in parts]))

    def fitted(ridge: float) -> CrossFitted:
        return rows.cross_fit(ridge, trusted_only.full, residual)

    tight, loose = fitted(1.0), fitted(8.0)
    return (loose, 8.0) if loose.nll(truth) < 0.98 * tight.nll(truth) else (tight, 1.0)


def fit_glc(rows: Rows, ridge: float) -> CrossFitted:
    """GLC with trusted rows weighted."""
    return rows.once(f"glc-{ridge:g}", lambda: _fit_glc(rows, ridge))


def _fit_glc(rows: Rows, ridge: float) -> CrossFitted:
    full, without = given_transitions(rows)
    known, identity = torch.cat([rows.given, rows.num_classes + rows.truth]), np.eye(rows.num_classes)

    def residual(parts: Sequence[Part]) -> Residual:
        matrices = np.stack([np.hstack([full if fold is None else without[fold], identity]) for _, fold in parts])
        columns = torch.from_numpy(matrices).to(rows.features.dtype)
        return forward_likelihood(columns, known, rows.weights([use for use, _ in parts]))

    return rows.cross_fit(ridge, fit_trusted_only(rows).full, residual, *GLC_SEARCH)


def fit_as_given(rows: Rows) -> CrossFitted:
    """N1: the given labels taken at their word, beside the trusted rows."""
    return rows.once("as-given", lambda: _fit_as_given(rows))


def _fit_as_given(rows: Rows) -> CrossFitted:
    labels = torch.cat([rows.given, rows.truth])

    def residual(parts: Sequence[Part]) -> Residual:
        return cross_entropy_of(labels, rows.weights([use for use, _ in parts]))

    return rows.cross_fit(AS_GIVEN_RIDGE, fit_trusted_only(rows).full, residual)


def learned_transition(log_p: Tensor, given: Tensor, start: Matrix, prior: Matrix, rounds: int) -> Matrix:
    """EM over T with the classifier fixed: T[c, j] ∝ Σ_i P(c | x_i, y'_i) [y'_i = j] + 20·T0[c, j].

    Of the rows with one given label j, P(c | x_i, j) is p_ic T[c, j] over the sum d_i of these over c, so that a round
    needs d, and the sum of p_i / d_i: two passes over p, and no logarithm.

    Args:
        log_p: `(N, K)` log f(x).
        given: `(N,)` given labels.
        start: Where T begins.
        prior: `(K, K)` T0.
        rounds: EM rounds.
    """
    order = torch.argsort(given, stable=True)
    p, counts = log_p[order].exp(), torch.bincount(given, minlength=len(prior)).tolist()
    blocks, matrix = p.split(counts), torch.from_numpy(start)
    for _ in range(rounds):
        columns = matrix.to(p.dtype).T.contiguous()
        sums = [block.T @ (1 / (block @ column)) for block, column in zip(blocks, columns, strict=True)]
        share = torch.stack(sums).T.double() * matrix
        matrix = torch.from_numpy(normalised(share.numpy() + EM_PRIOR * prior))
    return matrix.numpy()
