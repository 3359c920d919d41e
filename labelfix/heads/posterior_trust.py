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
from labelfix.heads.fit_scale import fit_scale
from labelfix.heads.label_terms import Labels, LabelTerms, said
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.softmax import log_softmax
from labelfix.numerics.transition import paired_transition, possible_labels

BETAS = (0.6, 0.8, 1.0, 1.25, 1.5)
KAPPAS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0, 1.2)
"""Candidates for the trust in the classifier and in the given label of a paired posterior."""

SHARES = (0.0, 0.5, 1.0)
"""Candidates for ς, the share of the head that learned the given labels as they are."""


@dataclass(frozen=True)
class Trust:
    """How far a posterior trusts what it is made of.

    Attributes:
        beta: β.
        share: ς.
        label_terms: L.
        kappa: What log T was multiplied by to be L.
        scale: What is done to the posterior in the end; None for nothing.
    """

    beta: float
    share: float
    label_terms: LabelTerms
    kappa: float = 1.0
    scale: Scale | None = None

    def mixed(self, log_f: Floats, log_n: Floats) -> Floats:
        """`(R, K)` what f and n say together, up to a constant of the row.

        Args:
            log_f: `(R, K)` log f(x), or logits.
            log_n: `(R, K)` log n(x), or logits.
        """
        return (1 - self.share) * log_f + self.share * log_n

    def log_soft(self, mixed: Floats, given: Labels) -> Floats:
        """`(R, K)` log posterior of rows.

        Args:
            mixed: `(R, K)` of `mixed`.
            given: Their given labels, none of them missing.
        """
        return self.log_posterior(mixed, said(self.label_terms, given))

    def log_posterior(self, mixed: Floats, heard: Floats) -> Floats:
        """`(R, K)` the same, where it is known what labels say: `(R, K)` heard."""
        found = log_softmax(self.beta * mixed + heard)
        return found if self.scale is None else self.scale(found)


@dataclass(frozen=True)
class PairedPosterior:
    """A posterior fitted to trusted rows whose given label is known.

    Attributes:
        trust: β, ς and κ·log T_p.
        kappa: κ.
        held: `(P, K)` posterior of each paired row, all of it without its fold.
        without: The same without each fold.
    """

    trust: Trust
    kappa: float
    held: Floats
    without: tuple[Trust, ...]


def fit_paired(
    log_f: Floats,
    log_n: Floats,
    truth: Codes,
    given: Codes,
    fold: Codes,
    expected: Floats,
    without: Sequence[Floats],
) -> PairedPosterior:
    """β, ς and κ by leave-fold-out likelihood, T_p from all pairs.

    Args:
        log_f: `(P, K)` out-of-fold log f of the paired rows.
        log_n: `(P, K)` out-of-fold log n of them.
        truth: `(P,)` their trusted labels.
        given: `(P,)` their given labels.
        fold: `(P,)` their folds.
        expected: `(K, K)` T0.
        without: T0 without each fold.
    """
    matrices = [
        np.log(paired_transition(truth[fold != k], given[fold != k], matrix)) for k, matrix in enumerate(without)
    ]
    full = np.log(paired_transition(truth, given, expected))
    return fit_trust(log_f, log_n, truth, given, fold, (full, matrices))


def fit_trust(
    log_f: Floats,
    log_n: Floats,
    truth: Codes,
    given: Labels,
    fold: Codes,
    terms: tuple[LabelTerms, Sequence[LabelTerms]],
    usual: float = 0.8,
    kappas: Sequence[float] = KAPPAS,
    apart: float = 0.5,
    shares: Sequence[float] = SHARES,
) -> PairedPosterior:
    """β, ς and κ by leave-fold-out likelihood, with label terms that are there.

    Args:
        log_f: `(P, K)` out-of-fold log f of the paired rows.
        log_n: `(P, K)` out-of-fold log n of them.
        truth: `(P,)` their trusted labels.
        fold: `(P,)` their folds.
        terms: Label terms at κ = 1, and without each fold.
        usual: κ where pairs say nothing of it.
        apart: How far κ and β are usually from that and from 1, as a standard deviation.
        shares: Candidates for ς.
    """
    parts = [np.flatnonzero(fold == k) for k in range(len(terms[1]))]
    heard = np.zeros_like(log_f)
    for own, without in zip(parts, terms[1], strict=True):
        heard[own] = said(without, given[own])

    def log_soft(candidate: tuple[float, float, float], use: slice | Codes = slice(None)) -> Floats:
        beta, share, kappa = candidate
        mixed = (1 - share) * log_f[use] + share * log_n[use]
        return log_softmax(beta * mixed + kappa * heard[use])

    def losses_of(candidate: tuple[float, float, float]) -> Floats:
        parts = row_blocks(*log_f.shape)
        return np.concatenate([-np.take_along_axis(log_soft(candidate, p), truth[p, None], 1)[:, 0] for p in parts])

    losses = {candidate: losses_of(candidate) for candidate in product(BETAS, shares, kappas)}

    def chosen(use: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
        def loss(candidate: tuple[float, float, float]) -> float:
            beta, _, kappa = candidate
            pull = ((kappa - usual) ** 2 + (beta - 1) ** 2) / apart**2
            return float(losses[candidate][use].mean() + 0.5 / use.sum() * pull)

        return min(losses, key=loss)

    several = [bool((fold != k).any()) for k in range(len(parts))]
    nested = [chosen(fold != k) if several[k] else (1.0, 0.0, usual) for k in range(len(parts))]
    held = np.zeros_like(log_f)
    for own, candidate in zip(parts, nested, strict=True):
        held[own] = np.exp(log_soft(candidate, own))
    beta, share, kappa = chosen(np.ones(len(truth), dtype=bool))
    without_fold = tuple(
        Trust(own_beta, own_share, own_kappa * own, own_kappa)
        for (own_beta, own_share, own_kappa), own in zip(nested, terms[1], strict=True)
    )
    return PairedPosterior(Trust(beta, share, kappa * terms[0], kappa), kappa, held, without_fold)


def scaled_by_pairs(found: PairedPosterior, truth: Codes, fold: Codes) -> PairedPosterior:
    """The same with a slope and a shift for each class, which make the pairs likeliest out of fold.

    Args:
        truth: `(P,)` trusted labels of the pairs.
        fold: `(P,)` their folds.
    """
    log_p = logs(found.held)

    def fitted(use: npt.NDArray[np.bool_]) -> Scale:
        return fit_scale("vector", log_p[use], truth[use], np.ones(use.sum()))

    held, without = found.held.copy(), []
    for k, trust in enumerate(found.without):
        scale = fitted(fold != k)
        held[fold == k] = np.exp(scale(log_p[fold == k]))
        without.append(replace(trust, scale=scale))
    trust = replace(found.trust, scale=fitted(np.ones(len(truth), dtype=bool)))
    return PairedPosterior(trust, found.kappa, held, tuple(without))


def fit_share(
    log_f: Floats,
    log_n: Floats,
    truth: Codes,
    fold: Codes,
    terms: tuple[Floats, Sequence[Floats]],
    transitions: Sequence[Floats],
) -> tuple[Trust, tuple[Trust, ...]]:
    """ς alone, without pairs: every given label that a trusted row could have had counts by its probability.

    Args:
        log_f: `(M, K)` out-of-fold log f of the trusted rows.
        log_n: `(M, K)` out-of-fold log n of them.
        truth: `(M,)` their labels.
        fold: `(M,)` their folds.
        terms: L, and without each fold.
        transitions: T without each fold.

    Returns:
        The posterior with β = 1, and without each fold.
    """
    losses = {share: np.zeros(len(truth)) for share in SHARES}
    for k, own in enumerate(terms[1]):
        inside = np.flatnonzero(fold == k)
        row, label, weight = possible_labels(truth[inside], transitions[k])
        asked = inside[row]
        for share in SHARES:
            trust = Trust(1.0, share, own)
            found = trust.log_soft(trust.mixed(log_f[asked], log_n[asked]), label)
            loss = -weight * found[np.arange(len(asked)), truth[asked]]
            losses[share] += np.bincount(asked, loss, len(truth))

    def chosen(use: npt.NDArray[np.bool_]) -> float:
        best = 0.0
        for share in SHARES:  # a larger one only where it is better by a standard error: these labels are assumed
            gain = losses[best][use] - losses[share][use]
            if gain.mean() > gain.std() / np.sqrt(len(gain)):
                best = share
        return best

    without = (Trust(1.0, chosen(fold != k) if (fold != k).any() else 0.0, own) for k, own in enumerate(terms[1]))
    return Trust(1.0, chosen(np.ones(len(truth), dtype=bool)), terms[0]), tuple(without)
