"""Simple correctors on fixed features, anchored by trusted rows.

The anchored recipe stacks them; some are methods of their own.

f_g learns the trusted rows alone (`trusted_only`), n(y'|x) the given labels alone. S1 learns the Bayes posterior of f_g
and the transition matrix T0; GLC8 maximises the likelihood of the given labels through T0 (Hendrycks et al., NeurIPS
2018); N1 learns the given labels as they are. In all of them trusted rows make up a fifth of the loss.

Legend: N noisy rows, M trusted rows, D features, K classes, T0 rows = true class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from labelfix.correctors.contract import Problem
from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes
from labelfix.heads.discriminants import fit_discriminants
from labelfix.heads.folds import CrossFitted, Part, cut_folds
from labelfix.heads.regressions import NO_FOLD, Regressions
from labelfix.heads.rows import NOISY_SAMPLE, ROUGH, FitRows
from labelfix.heads.stages import Keep
from labelfix.heads.trusted_only import fit_trusted_only
from labelfix.numerics.head_losses import Residual, cross_entropy_of, cross_entropy_to, forward_likelihood
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.paired_losses import surely_more
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.transition import expected_transition, normalised, paired_transition

GIVEN_RIDGES, GIVEN_FOLDS = (1.0, 3.0, 10.0), 5
"""Candidates for r of n(y'|x), and the number of folds of noisy rows; the first fold chooses r."""

TIGHT, LOOSE = 1.0, 8.0
"""Candidates for r of S1, and of GLC where it is the method."""

TIGHT_UP_TO = 32
"""With more classes than this, each a small part of the rows, the tight r is not tried: on banking77 the loose one
always wins."""

BETTER, CLEARLY, FEW = 0.98, 3.0, 4
"""When the loose r of S1 is taken: if its out-of-fold loss is below BETTER times that of the tight one; or, with fewer
than FEW noisy rows per feature, lower by CLEARLY standard errors. f uses the same r, and with few rows a loose f
memorises their labels so well that leaving them out again (`leave_one_out`) is imprecise: a small gain does not pay."""

AS_GIVEN_RIDGES = 1.0, 3.0
"""r of N1: that of n(y'|x), 3 at most, since what it says of its own rows counts, and a looser one memorises them (10
does harm on banking77). 1 where discriminants take its place, of very many classes."""

GLC_SEARCH = 25, 1e-5
"""Iterations and tolerance of GLC's fits. Its loss is not convex and has long flat valleys: going on to 1e-8 takes five
times as long and makes the heads no better out of fold."""

EM_PRIOR = 20.0
"""Strength of the prior on EM's T, in given labels per class."""


@dataclass(frozen=True)
class GivenLabels:
    """n(y'|x), fitted to some noisy rows in full and without each of their folds.

    Attributes:
        learned: `(n,)` the rows it was fitted to.
        of: `(n,)` the fold of each.
        ridge: r.
        without: The heads without fold 0, 1, …
    """

    learned: Tensor
    of: Tensor
    ridge: float
    full: LinearHead
    without: tuple[LinearHead, ...]


def fit_given_labels(rows: FitRows) -> LinearHead:
    """n(y'|x), fitted to noisy rows only; r maximises the likelihood of one fold in five."""
    return given_labels(rows).full


def given_labels(rows: FitRows) -> GivenLabels:
    """The same, with the heads without each fold."""
    return rows.once("given-labels", lambda: _given_labels(rows))


def _given_labels(rows: FitRows) -> GivenLabels:
    learned = rows.sample(NOISY_SAMPLE)
    noisy, given = rows.subset(learned).noisy, rows.given[learned]
    of = torch.from_numpy(cut_folds(given.numpy(), rows.seed, GIVEN_FOLDS).of)
    problem = Regressions(noisy, given, of, rows.num_classes, tolerance=ROUGH if rows.many_classes else 1e-6)
    # One fold is enough to choose r: it has hundreds of rows or more, and the candidates differ by a factor of three.
    candidates = problem.fit([(ridge, 0) for ridge in GIVEN_RIDGES], [problem.zeros()] * len(GIVEN_RIDGES))
    best = int(np.argmin([float(problem.left_out_losses(head, 0).double().sum()) for head in candidates]))
    ridge, first = GIVEN_RIDGES[best], candidates[best]
    folds = [NO_FOLD, *range(1, int(of.max()) + 1)]
    start = problem.zeros() if rows.many_classes else first
    full, *others = problem.fit([(ridge, fold) for fold in folds], [start] * len(folds))
    return GivenLabels(learned, of, ridge, full, (first, *others))


def transitions(rows: FitRows, of_given: LinearHead) -> tuple[Floats, tuple[Floats, ...]]:
    """T0 from all trusted rows, and without each fold: `(K, K)` each."""
    probabilities = of_given.log_probabilities(rows.clean).exp().numpy().astype(np.float64)
    truth = rows.truth.numpy()

    def estimate(use: Codes) -> Floats:
        return expected_transition(truth[use], probabilities[use], rows.num_classes)

    return estimate(np.arange(len(truth))), tuple(estimate(rows.folds.outside(k)) for k in range(rows.folds.count))


def given_transitions(rows: FitRows) -> tuple[Floats, tuple[Floats, ...]]:
    """`transitions` by the n(y'|x) that these rows' given labels make."""
    return rows.once("transitions", lambda: transitions(rows, fit_given_labels(rows)))


def paired_transitions(problem: Problem, rows: FitRows, of_given: LinearHead) -> tuple[Floats, tuple[Floats, ...]]:
    """`transitions`, sharpened by the trusted rows whose given label is known."""
    full, without = transitions(rows, of_given)
    of = rows.folds.of[: len(problem.truth)]
    others = [of != fold for fold in range(rows.folds.count)]
    return paired_transition(problem.truth, problem.paired_given, full), tuple(
        paired_transition(problem.truth[use], problem.paired_given[use], matrix)
        for use, matrix in zip(others, without, strict=True)
    )


def fit_bayes_student(rows: FitRows, keep: Keep | None = None) -> tuple[CrossFitted, float]:
    """S1 and its r: tight, or loose where that is clearly better out of fold."""
    trusted_only, (full, without) = fit_trusted_only(rows), given_transitions(rows)
    truth, noisy = rows.truth.numpy(), len(rows.given)

    def residual(parts: Sequence[Part]) -> Residual:
        q = torch.zeros(len(parts), rows.num_classes, len(rows.features), dtype=rows.features.dtype)
        for target, (_, fold) in zip(q, parts, strict=True):
            prior = trusted_only.full if fold is None else trusted_only.without[fold]
            log_t = torch.from_numpy(np.log(full if fold is None else without[fold])).to(q.dtype)
            for part in row_blocks(noisy, rows.num_classes):
                logits = prior.columns(rows.noisy[part]).add_(log_t[:, rows.given[part]])
                target[:, :noisy][:, part] = torch.softmax(logits, dim=0)
            target[rows.truth, torch.arange(noisy, len(rows.features))] = 1
        return cross_entropy_to(q.mT, rows.weights([use for use, _ in parts]))

    def fitted(ridge: float) -> CrossFitted:
        return rows.cross_fit(ridge, trusted_only.full, residual, keep=keep)

    if TIGHT not in ridges(rows.num_classes):
        return fitted(LOOSE), LOOSE
    tight, loose = fitted(TIGHT), fitted(LOOSE)
    few = noisy < FEW * rows.features.shape[1]
    return (loose, LOOSE) if is_better(loose.losses(truth), tight.losses(truth), few) else (tight, TIGHT)


def is_better(losses: Floats, others: Floats, few: bool) -> bool:
    """Whether the loose fit is better than the tight one by enough to be taken; see `BETTER`.

    Args:
        losses: `(M,)` out-of-fold loss of each trusted row by the loose fit.
        others: `(M,)` by the tight one.
        few: Whether there are few rows per feature.
    """
    if not few:
        return bool(losses.mean() < BETTER * others.mean())
    return surely_more(others, losses, CLEARLY)


def ridges(num_classes: int) -> tuple[float, ...]:
    """Candidates for r; only the loose one where classes are many."""
    return (LOOSE,) if num_classes > TIGHT_UP_TO else (TIGHT, LOOSE)


def fit_glc(rows: FitRows, ridge: float) -> CrossFitted:
    """GLC with weighted trusted rows."""
    return rows.once(f"glc-{ridge:g}", lambda: _fit_glc(rows, ridge))


def _fit_glc(rows: FitRows, ridge: float) -> CrossFitted:
    full, without = given_transitions(rows)
    known, identity = torch.cat([rows.given, rows.num_classes + rows.truth]), np.eye(rows.num_classes)

    def residual(parts: Sequence[Part]) -> Residual:
        matrices = np.stack([np.hstack([full if fold is None else without[fold], identity]) for _, fold in parts])
        columns = torch.from_numpy(matrices).to(rows.features.dtype)
        return forward_likelihood(columns, known, rows.weights([use for use, _ in parts]))

    return rows.cross_fit(ridge, fit_trusted_only(rows).full, residual, *GLC_SEARCH)


def as_given_ridge(rows: FitRows) -> float:
    """r of N1: what predicts left-out given labels best, within `AS_GIVEN_RIDGES`."""
    least, largest = AS_GIVEN_RIDGES
    return least if rows.many_classes else min(given_labels(rows).ridge, largest)


def fit_as_given(rows: FitRows) -> CrossFitted:
    """N1: given and trusted labels learned alike; by discriminants where classes are very many."""
    return rows.once("as-given", lambda: _fit_as_given(rows))


def _fit_as_given(rows: FitRows) -> CrossFitted:
    if rows.many_classes:
        return fit_discriminants(rows).fitted
    labels = torch.cat([rows.given, rows.truth])

    def residual(parts: Sequence[Part]) -> Residual:
        return cross_entropy_of(labels, rows.weights([use for use, _ in parts]))

    return rows.cross_fit(as_given_ridge(rows), fit_trusted_only(rows).full, residual)


def learned_transition(log_p: Tensor, given: Tensor, start: Floats, prior: Floats, rounds: int) -> Floats:
    """EM over T with the classifier fixed: T[c, j] ∝ Σ_i P(c | x_i, y'_i) [y'_i = j] + 20·T0[c, j].

    For the rows with given label j, P(c | x_i, j) is p_ic T[c, j] / d_i with d_i = Σ_c p_ic T[c, j], so a round needs
    only d and Σ_i p_i / d_i: two passes over p and no logarithm.

    Args:
        log_p: `(N, K)` log f(x).
        given: `(N,)` given labels.
        prior: `(K, K)` T0.
        rounds: EM rounds.
    """
    order = torch.argsort(given, stable=True)
    p, counts = log_p[order].exp_(), torch.bincount(given, minlength=len(prior)).tolist()
    blocks, matrix = p.split(counts), torch.from_numpy(start)
    for _ in range(rounds):
        columns = matrix.to(p.dtype).T.contiguous()
        sums = [block.T @ (1 / (block @ column)) for block, column in zip(blocks, columns, strict=True)]
        share = torch.stack(sums).T.double() * matrix
        matrix = torch.from_numpy(normalised(share.numpy() + EM_PRIOR * prior))
    return matrix.numpy()
