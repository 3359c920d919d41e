"""How far given labels depend on more than the true class, estimated from noisy rows.

    P(y' | x, y) = exp(A[y, y'])·g(y' | x)^γ / Z_y(x),   Z_y(x) = Σ_j exp(A[y, j])·g(j | x)^γ

with g a model of given labels that learned them from x alone. At γ = 0 the noise is that of a matrix, exp(A) = T. At
γ = 1 and A = 0 the row alone makes the given label, and it says nothing of the class that x does not. A maximises the
likelihood of the given labels of noisy rows, P(y' | x) = Σ_y f(y | x)·P(y' | x, y), with f the classifier; neither f
nor g may have seen the row. Much of γ can be traded for A at little cost, and too small a γ takes mistakes that
follow x for truth, so the largest γ is taken that is not clearly worse than the likeliest.

How far noisy rows speak of more than a matrix is one weight: what stands out of its own noise, 1 − (2/z)⁴ with z the
standard errors by which the likeliest γ beats γ = 0, times how much of a label the row makes, (2γ)² up to one half.

Legend: S noisy rows, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes

GAMMAS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Candidates for γ."""

ERRORS = 2.0
"""A γ that is worse than the likeliest by fewer standard errors than this may be taken; and one that is better than a
matrix by no more than that says nothing. With one error instead, weak features (CIFAR-10N `aggre`) take the noise of a
matrix for that of rows in one draw of three."""

HEARD = 0.5
"""Share of what the given label adds that counts where the row makes the label: f learned from rows like it, whose
labels went wrong in the same way, so that it has heard part of it (docs/decisions/row-dependent-noise.md)."""

PRIOR = 20.0
"""Strength of T0 in A, in given labels a class; that of `learners.learned_transition`."""

STEPS = 60
"""Steps of L-BFGS for a candidate; each begins at the one before."""

MOST_WORK = 4e8
"""With many classes fewer rows are read: S·K² stays below it, which is a minute of one core."""


@dataclass(frozen=True)
class Dependence:
    """How far wrong labels depend on the row, estimated from noisy rows.

    Attributes:
        weight: In [0, 1): how far that is more than a matrix; see the module's docstring.
        label_terms: `(K, K)` A at γ = 1, each row less its mean log Z: what a given label adds to log f in the mean
            where the row makes all of it that it can.
    """

    gamma: float
    weight: float
    label_terms: Floats


def fit_dependence(log_f: Floats, log_g: Floats, given: Codes, expected: Floats, fitted: Floats) -> Dependence:
    """Fit A for every γ, and choose γ.

    Args:
        log_f: `(S, K)` log P(y | x) by models that have not seen the given label of the row.
        log_g: `(S, K)` log P(y' | x), likewise.
        given: `(S,)` given labels.
        expected: `(K, K)` T0, the prior of A.
        fitted: `(K, K)` T_m, where A begins.
    """
    classes = len(expected)
    kept = np.arange(len(given))
    if len(given) * classes**2 > MOST_WORK:
        kept = np.linspace(0, len(given) - 1, max(int(MOST_WORK / classes**2), 1)).astype(np.int64)
    problem = _Problem(np.exp(log_f[kept]), log_g[kept], given[kept], expected)
    fits = [np.log(fitted)]
    for gamma in GAMMAS:
        fits.append(problem.fit(fits[-1], gamma))
    losses = [problem.losses(terms, gamma) for terms, gamma in zip(fits[1:], GAMMAS, strict=True)]
    return Dependence(*choose(losses), problem.label_terms(fits[-1], GAMMAS[-1]))


def choose(losses: Sequence[Floats]) -> tuple[float, float]:
    """γ, and the weight of what it says.

    Args:
        losses: `(S,)` −log P(y' | x) at each of `GAMMAS`.
    """
    best = min(range(len(losses)), key=lambda i: float(losses[i].mean()))
    gamma = max(GAMMAS[i] for i in range(best, len(losses)) if _errors(losses[i] - losses[best]) <= ERRORS)
    ahead = _errors(losses[0] - losses[best])
    told = 1 - (ERRORS / ahead) ** 4 if ahead > ERRORS else 0.0
    return gamma, float(told * min(1.0, (2 * gamma) ** 2))


def _errors(difference: Floats) -> float:
    """The mean in standard errors; 0 where all are alike."""
    spread = float(difference.std(ddof=1)) / np.sqrt(len(difference)) if len(difference) > 1 else 0.0
    return float(difference.mean()) / spread if spread > 0 else 0.0


@dataclass(frozen=True)
class _Problem:
    """Noisy rows and what is believed of them.

    Attributes:
        f: `(S, K)` P(y | x).
        log_g: `(S, K)` log P(y' | x).
        expected: `(K, K)` T0.
    """

    f: Floats
    log_g: Floats
    given: Codes
    expected: Floats

    @cached_property
    def _member(self) -> Floats:
        return np.eye(len(self.expected))[self.given]

    def fit(self, start: Floats, gamma: float) -> Floats:
        """A of one γ: the penalised likelihood's maximum."""
        shape, powered = start.shape, self._powered(gamma)
        from scipy.optimize import minimize

        found = minimize(
            lambda flat: self._loss(flat.reshape(shape), powered),
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": STEPS},
        )
        terms = found.x.reshape(shape)
        return np.asarray(terms - logsumexp(terms, axis=1, keepdims=True))

    def losses(self, terms: Floats, gamma: float) -> Floats:
        """`(S,)` −log P(y' | x)."""
        joint, _, _ = self._parts(terms, self._powered(gamma))
        return np.asarray(-np.log(np.maximum(joint.sum(axis=1), 1e-300)))

    def label_terms(self, terms: Floats, gamma: float) -> Floats:
        """See `Dependence.label_terms`; the rows of a class count by f."""
        log_z = np.log(self._powered(gamma) @ np.exp(terms).T)
        mean = (self.f * log_z).sum(axis=0) / np.maximum(self.f.sum(axis=0), 1e-12)
        return np.asarray(terms - mean[:, None])

    def _powered(self, gamma: float) -> Floats:
        return np.asarray(np.exp(gamma * self.log_g))

    def _parts(self, terms: Floats, powered: Floats) -> tuple[Floats, Floats, Floats]:
        """`(S, K)` f·P(y' | x, y), `(S, K)` Z, `(K, K)` exp(A)."""
        raised = np.exp(terms)
        z = powered @ raised.T
        own = powered[np.arange(len(self.given)), self.given][:, None] * raised[:, self.given].T
        return self.f * own / z, z, raised

    def _loss(self, terms: Floats, powered: Floats) -> tuple[float, Floats]:
        joint, z, raised = self._parts(terms, powered)
        likelihood = np.maximum(joint.sum(axis=1), 1e-300)
        share = joint / likelihood[:, None]  # P(y | x, y')
        slope = share.T @ self._member - raised * ((share / z).T @ powered)
        overall = powered.mean(axis=0)
        said = np.log(raised * overall) - np.log((raised * overall).sum(axis=1, keepdims=True))
        slope += PRIOR * (self.expected - np.exp(said) * self.expected.sum(axis=1, keepdims=True))
        value = -np.log(likelihood).sum() - PRIOR * (self.expected * said).sum()
        return float(value), -slope.ravel()


def mixed_terms(dependence: Dependence, fitted: Floats, of_network: Floats, trust: float) -> Floats:
    """The label terms of a posterior without pairs: those of T_m unless noisy rows show more than a matrix explains.

    w·½·[½·min(b, 1)·A + ½·L] + (1 − w)·log T_m

    Args:
        dependence: What noisy rows say; w is its weight, A its label terms.
        fitted: `(K, K)` T_m, no entry 0.
        of_network: `(K, K)` L, the label terms of the LCN, which trusted rows hold back.
        trust: b, how far the LCN trusts given labels.
    """
    told = HEARD * (0.5 * min(trust, 1.0) * dependence.label_terms + 0.5 * of_network)
    return np.asarray(dependence.weight * told + (1 - dependence.weight) * np.log(fitted))
