"""How far a posterior (`correctors.posterior`) trusts the classifier, the labels as given and the given label.

Legend: P pairs, M trusted rows, R rows, Q questions, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from labelfix.correctors.calibrated import Scale, logs
from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes
from labelfix.heads.fit_scale import fit_scale, kinds_for
from labelfix.heads.folds import Folds
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.softmax import log_softmax
from labelfix.numerics.source_terms import Spoken, evidence
from labelfix.numerics.transition import paired_transition, possible_labels


@dataclass(frozen=True)
class SourceTerms:
    """Label terms of several sources: Σ_s w_s L_s[·, y'_s], with silence as one more label.

    Attributes:
        label_terms: `(S, K, K + 1)` L, of log T or like it.
        weights: `(S,)` w.
    """

    label_terms: Floats
    weights: Floats

    def of(self, spoken: Spoken) -> Floats:
        """`(R, K)` the sum of the terms of all opinions of each row."""
        return evidence(spoken, self.label_terms, self.weights).astype(np.float64)

    def __rmul__(self, kappa: float) -> SourceTerms:
        """The same terms, weighted by kappa."""
        return replace(self, weights=kappa * self.weights)


LabelTerms = Floats | SourceTerms
"""`(K, K)` for one column of given labels, rows = true class; or the terms of several sources."""

Labels = Codes | Spoken
"""`(R,)` given labels; or the opinions about R rows."""


def terms_of(terms: LabelTerms, labels: Labels) -> Floats:
    """`(R, K)` the terms of each row's labels; terms and labels both come from one column or both from several."""
    if isinstance(terms, SourceTerms):
        assert isinstance(labels, Spoken)
        return terms.of(labels)
    assert not isinstance(labels, Spoken)
    return terms[:, labels].T


BETAS = (0.6, 0.8, 1.0, 1.25, 1.5)
KAPPAS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0, 1.2)
"""Candidates for β and κ of a paired posterior: the trust in the classifier and in the given label."""

SHARES = (0.0, 0.5, 1.0)
"""Candidates for ς, the share of the head that learned the given labels as they are."""


@dataclass(frozen=True)
class Trust:
    """How far a posterior trusts each of its parts.

    Attributes:
        share: ς.
        label_terms: L = κ log T.
        scale: Calibration of the posterior; None for none.
    """

    beta: float
    share: float
    label_terms: LabelTerms
    kappa: float = 1.0
    scale: Scale | None = None

    def mixed(self, log_f: Floats, log_n: Floats) -> Floats:
        """`(R, K)` f and n mixed in log space, up to a constant per row.

        Args:
            log_f: `(R, K)` log f(x), or logits.
            log_n: `(R, K)` log n(x), or logits.
        """
        return (1 - self.share) * log_f + self.share * log_n

    def log_soft(self, mixed: Floats, given: Labels) -> Floats:
        """`(R, K)` log posterior of rows.

        Args:
            mixed: `(R, K)` result of `mixed`.
            given: Their given labels, none missing.
        """
        return self.log_posterior(mixed, terms_of(self.label_terms, given))

    def log_posterior(self, mixed: Floats, terms: Floats) -> Floats:
        """`(R, K)` the same, given the `(R, K)` terms of the labels."""
        log_p = log_softmax(self.beta * mixed + terms)
        return log_p if self.scale is None else self.scale(log_p)


@dataclass(frozen=True)
class PairedPosterior:
    """A posterior fitted to trusted rows whose given label is known.

    Attributes:
        trust: β, ς and κ·log T_p.
        held: `(P, K)` posterior of each pair, every part of it fitted without the pair's fold.
        without: `trust` without each fold.
    """

    trust: Trust
    kappa: float
    held: Floats
    without: tuple[Trust, ...]


def fit_paired(
    log_f: Floats, log_n: Floats, truth: Codes, given: Codes, folds: Folds, expected: Floats, without: Sequence[Floats]
) -> PairedPosterior:
    """β, ς and κ by leave-fold-out likelihood, T_p from all pairs; see `fit_trust` for the other arguments.

    Args:
        given: `(P,)` given labels of the pairs.
        expected: `(K, K)` T0.
        without: T0 without each fold.
    """
    matrices = [
        np.log(paired_transition(truth[folds.of != k], given[folds.of != k], matrix))
        for k, matrix in enumerate(without)
    ]
    full = np.log(paired_transition(truth, given, expected))
    return fit_trust(log_f, log_n, truth, given, folds, (full, matrices))


def fit_trust(
    log_f: Floats,
    log_n: Floats,
    truth: Codes,
    given: Labels,
    folds: Folds,
    terms: tuple[LabelTerms, Sequence[LabelTerms]],
    usual: float = 0.8,
    kappas: Sequence[float] = KAPPAS,
    apart: float = 0.5,
    shares: Sequence[float] = SHARES,
) -> PairedPosterior:
    """β, ς and κ by leave-fold-out likelihood, for label terms that are already known.

    Args:
        log_f: `(P, K)` out-of-fold log f of the pairs.
        log_n: `(P, K)` out-of-fold log n of them.
        truth: `(P,)` their trusted labels.
        given: Their given labels.
        folds: Of the pairs.
        terms: Label terms at κ = 1, and without each fold.
        usual: Mean of the prior of κ; that of β is 1.
        kappas: Candidates for κ.
        apart: Standard deviation of both priors.
        shares: Candidates for ς.
    """
    inside_each = [folds.inside(k) for k in range(len(terms[1]))]
    label_terms = np.zeros_like(log_f)
    for inside, without in zip(inside_each, terms[1], strict=True):
        label_terms[inside] = terms_of(without, given[inside])

    def log_soft(candidate: tuple[float, float, float], use: slice | Codes = slice(None)) -> Floats:
        beta, share, kappa = candidate
        mixed = (1 - share) * log_f[use] + share * log_n[use]
        return log_softmax(beta * mixed + kappa * label_terms[use])

    def losses_of(candidate: tuple[float, float, float]) -> Floats:
        blocks = row_blocks(*log_f.shape)
        return np.concatenate([-np.take_along_axis(log_soft(candidate, b), truth[b, None], 1)[:, 0] for b in blocks])

    losses = {candidate: losses_of(candidate) for candidate in product(BETAS, shares, kappas)}

    def chosen(use: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
        def loss(candidate: tuple[float, float, float]) -> float:
            beta, _, kappa = candidate
            pull = ((kappa - usual) ** 2 + (beta - 1) ** 2) / apart**2
            return float(np.average(losses[candidate][use], weights=folds.weights[use]) + 0.5 / use.sum() * pull)

        return min(losses, key=loss)

    # Without any other fold there is nothing to choose by: the prior's means.
    every = range(len(inside_each))
    nested = [chosen(folds.of != k) if (folds.of != k).any() else (1.0, 0.0, usual) for k in every]
    held = np.zeros_like(log_f)
    for inside, candidate in zip(inside_each, nested, strict=True):
        held[inside] = np.exp(log_soft(candidate, inside))

    def trust(candidate: tuple[float, float, float], at_one: LabelTerms) -> Trust:
        beta, share, kappa = candidate
        return Trust(beta, share, kappa * at_one, kappa)

    best = trust(chosen(np.ones(len(truth), dtype=bool)), terms[0])
    return PairedPosterior(best, best.kappa, held, tuple(map(trust, nested, terms[1])))


def scaled_by_pairs(posterior: PairedPosterior, truth: Codes, folds: Folds, given: Codes) -> PairedPosterior:
    """The posterior calibrated by a slope and a shift for each class that pairs tell, else by one temperature.

    Args:
        posterior: Fitted to the pairs.
        truth: `(P,)` trusted labels of the pairs.
        folds: Of the pairs; they are judged out of them.
        given: `(N,)` given labels of the noisy rows.
    """
    log_p, kind = logs(posterior.held), kinds_for(truth, given)[-1]

    def fitted(use: npt.NDArray[np.bool_]) -> Scale:
        return fit_scale(kind, log_p[use], truth[use], folds.weights[use])

    held, without = posterior.held.copy(), []
    for k, trust in enumerate(posterior.without):
        scale, inside = fitted(folds.of != k), folds.inside(k)
        held[inside] = np.exp(scale(log_p[inside]))
        without.append(replace(trust, scale=scale))
    trust = replace(posterior.trust, scale=fitted(np.ones(len(truth), dtype=bool)))
    return PairedPosterior(trust, posterior.kappa, held, tuple(without))


def fit_share(
    log_f: Floats,
    log_n: Floats,
    truth: Codes,
    folds: Folds,
    terms: tuple[Floats, Sequence[Floats]],
    transitions: Sequence[Floats],
) -> tuple[Trust, tuple[Trust, ...]]:
    """ς alone, without pairs: a trusted row counts with every given label it could have, weighted by its probability.

    Args:
        log_f: `(M, K)` out-of-fold log f of the trusted rows.
        log_n: `(M, K)` out-of-fold log n of them.
        truth: `(M,)` their labels.
        folds: Of the trusted rows.
        terms: L, and without each fold.
        transitions: T without each fold.

    Returns:
        The posterior with β = 1, and without each fold.
    """
    losses = {share: np.zeros(len(truth)) for share in SHARES}
    for k, label_terms in enumerate(terms[1]):
        inside = folds.inside(k)
        row, label, weight = possible_labels(truth[inside], transitions[k])
        rows = inside[row]
        for share in SHARES:
            trust = Trust(1.0, share, label_terms)
            log_p = trust.log_soft(trust.mixed(log_f[rows], log_n[rows]), label)
            loss = -weight * log_p[np.arange(len(rows)), truth[rows]]
            losses[share] += np.bincount(rows, loss, len(truth))

    def chosen(use: npt.NDArray[np.bool_]) -> float:
        best = 0.0
        for share in SHARES:  # a larger one only if it is better by a standard error, as these labels are assumed
            gain = folds.weights[use] * (losses[best][use] - losses[share][use])
            if gain.mean() > gain.std() / np.sqrt(len(gain)):
                best = share
        return best

    without = (
        Trust(1.0, chosen(folds.of != k) if (folds.of != k).any() else 0.0, label_terms)
        for k, label_terms in enumerate(terms[1])
    )
    return Trust(1.0, chosen(np.ones(len(truth), dtype=bool)), terms[0]), tuple(without)
