"""What the anchored recipe knows of several sources before its meta step.

For each source a transition matrix that its pairs speak for (T0) and one that is fitted to the noisy rows (T_m), and
a weight by which sources that go wrong together count less; see `numerics.source_terms` and `numerics.source_groups`.

    T_m: EM, P(y_i | x_i, y'_i) ∝ f_s(x_i) · exp(E_i), T_s[c, j] ∝ Σ_i P(c | ·) [y'_is = j] + 20 · T0_s[c, j]

Legend: N noisy rows, M trusted rows, S sources, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor

from labelfix.correctors.contract import Problem
from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes
from labelfix.heads.posterior_trust import SourceTerms, Trust
from labelfix.heads.rows import FitRows
from labelfix.heads.trusted_only import fit_trusted_only
from labelfix.methods.mlc.prior import Prior
from labelfix.methods.mlc.structured import StructuredCorrection
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.source_groups import Surplus, surplus
from labelfix.numerics.source_terms import (
    Spoken,
    accuracies,
    each_alone,
    evidence,
    floored,
    paired_transitions,
    prior_transitions,
    told_from_chance,
)

WORTH_TELLING, TOLD = 0.2, 50
"""Pairs of sources that are told of: from so large a surplus of agreement on, and so many at most."""

MOST_WEIGHED_AGAIN = 100
"""With more sources than this, the others keep their weights where one is left out: all searches would take minutes."""

MOST_CELLS = 1_000_000
"""Probabilities that are held at once while these are left out."""

ROUNDS, STRENGTH = 10, 20.0
"""EM rounds, and how many opinions of each class the prior of T_m is worth."""

MIXED = 0.5
"""How much all opinions count while T_m is fitted: sources err together."""

FITTED_TO, COMPARED_ON = 200_000, 50_000
"""Noisy rows that T_m is fitted to, and those on which sources are compared, at most."""


@dataclass(frozen=True)
class Sources:
    """What is known of each source.

    Attributes:
        heard: The opinions, and the weights of the sources.
        expected: T0, and without each fold: `(S, K, K + 1)`.
        fitted: T_m, likewise.
        paired: T_p, from pairs with either of them as the prior, likewise.
    """

    heard: Heard
    expected: tuple[Floats, tuple[Floats, ...]]
    fitted: tuple[Floats, tuple[Floats, ...]]
    paired: tuple[Floats, tuple[Floats, ...]]

    @property
    def noisy(self) -> Spoken:
        """The opinions of the noisy rows."""
        return self.heard.noisy

    @property
    def trusted(self) -> Spoken:
        """Those of the trusted rows."""
        return self.heard.trusted

    @property
    def weights(self) -> Floats:
        """`(S,)` w."""
        return self.heard.weights

    @property
    def together(self) -> Floats:
        """`(S, S)` r."""
        return self.heard.together.shared

    def terms(self, transitions: Floats) -> SourceTerms:
        """Label terms by some transition matrices."""
        return SourceTerms(np.log(transitions), self.weights)

    def figures(self) -> dict[str, Any]:
        """Plain values: the weights, and which sources agree more often than their errors explain."""
        first, second = np.nonzero(np.triu(self.together) >= WORTH_TELLING)
        order = np.argsort(-self.together[first, second], kind="stable")[:TOLD]
        pairs = [(int(first[place]), int(second[place])) for place in order]
        by_column = self.noisy.by_source()
        return {
            "weight": [round(float(weight), 4) for weight in self.weights],
            "together": [
                {"sources": [s, t], "surplus": round(float(self.together[s, t]), 4), **_agreement(by_column, s, t)}
                for s, t in pairs
            ],
        }

    def lost(
        self, held: tuple[Floats, Floats], truth: Codes, paired: Codes, fold: Codes, without: Sequence[Trust]
    ) -> dict[str, Any]:
        """How much worse pairs are told out of fold without each source.

        The others then weigh as they would have, or, of very many sources, as they do: `weighed_again`.

        Args:
            held: `(P, K)` out-of-fold log f and log n of the pairs.
            truth: `(P,)` their trusted labels.
            paired: `(P,)` which trusted rows they are.
            fold: `(P,)` their folds.
            without: The posterior without each fold.
        """
        places = [np.flatnonzero(fold == k) for k in range(len(without))]
        spoken = [self.trusted[paired[own]] for own in places]
        mixed = [trust.mixed(held[0][own], held[1][own]) for trust, own in zip(without, places, strict=True)]
        log_t, again = [np.log(each) for each in self.paired[1]], len(self.weights) <= MOST_WEIGHED_AGAIN

        def heard(weights: Floats) -> list[Floats]:
            parts = zip(log_t, spoken, without, strict=True)
            return [SourceTerms(terms, trust.kappa * weights).of(said)[None] for terms, said, trust in parts]

        def told(heard: Sequence[Floats]) -> tuple[Floats, Floats]:
            log_q = np.empty((len(heard[0]), *held[0].shape))
            for own, trust, said, part in zip(places, without, heard, mixed, strict=True):
                rows = np.tile(part, (len(said), 1)), said.reshape(-1, said.shape[2])
                log_q[:, own] = trust.log_posterior(*rows).reshape(said.shape)
            likely = log_q[:, np.arange(len(truth)), truth]
            return (log_q.argmax(axis=2) == truth).mean(axis=1), -likely.mean(axis=1)

        def others(some: slice) -> list[Floats]:
            if again:
                return heard(self.heard.together.weights(self.heard.informed, without=some.start))
            parts = zip(every, log_t, spoken, without, strict=True)
            return [of_all - each_alone(said, t, trust.kappa * self.weights, some) for of_all, t, said, trust in parts]

        every, size = heard(self.weights), 1 if again else max(MOST_CELLS // max(held[0].size, 1), 1)
        right, loss = told(every)
        parts = [told(others(slice(first, first + size))) for first in range(0, len(self.weights), size)]
        fewer_right, more_loss = (np.concatenate(each) for each in zip(*parts, strict=True))
        lost, lost_nll = np.round(right - fewer_right, 5), np.round(more_loss - loss, 5)
        return {"lost": lost.tolist(), "lost_nll": lost_nll.tolist(), "weighed_again": again}

    def of_network(self, correction: StructuredCorrection, expected: Floats, fitted: Floats) -> SourceTerms:
        """Label terms of the LCN, beside a prior that counts once."""
        share, trust = float(correction.c), float(correction.b)
        terms = trust * ((1 - share) * np.log(expected) + share * np.log(fitted))
        classes = np.arange(expected.shape[1])
        terms[:, classes, classes] += correction.diagonal.numpy()
        return SourceTerms(terms / max(float(correction.a), 1.0), self.weights)

    def at(self, part: Tensor, fold: int | None) -> tuple[Tensor, Tensor, Tensor]:
        """See `GivenLabels.at`; of several sources these are sums over all opinions, `(K, n)` each."""
        some = self.noisy[part.numpy()]
        expected, fitted = (of[0] if fold is None else of[1][fold] for of in (self.expected, self.fitted))
        said = (
            SourceTerms(_of_classes(self.weights, some.classes), self.weights),
            self.terms(expected),
            self.terms(fitted),
        )
        votes, by_expected, by_fitted = (torch.from_numpy(each.of(some).T.astype(np.float32)) for each in said)
        return votes, by_expected, by_fitted


def _agreement(noisy: Spoken, first: int, second: int) -> dict[str, Any]:
    """The rows of which two sources both speak, and on what share of them they say the same."""
    one, other = (noisy.of_source(source) for source in (first, second))
    both = (one.speaks > 0).multiply(other.speaks > 0).sum()
    same = (one.says > 0).multiply(other.says > 0).max(axis=1).sum()
    return {"rows": int(both), "same": float(same / max(both, 1))}


@dataclass(frozen=True)
class Heard:
    """What opinions say before anything is learned from the noisy rows.

    Attributes:
        trusted: Those of the trusted rows, M of them.
        weights: `(S,)` w.
        informed: `(S,)` the part of each that is more than chance.
        together: What the sources say alike beyond what the class explains.
        voted: `(N,)` the class that most opinions of a row are for, each by the weight of its source and by how much
            better than a guess this is: what heads learn that take one label a row. A plain vote is won by copies.
    """

    noisy: Spoken
    trusted: Spoken
    weights: Floats
    informed: Floats
    together: Surplus
    voted: Codes


def hear(problem: Problem, rows: FitRows) -> Heard:
    """Weigh the sources by what pairs and a head of trusted rows alone say of them."""
    assert problem.opinions is not None
    assert problem.paired_opinions is not None
    noisy, trusted = (Spoken.of(each, problem.num_classes) for each in (problem.opinions, problem.paired_opinions))
    compared = rows.sample(COMPARED_ON)
    some = noisy[compared.numpy()]
    f = fit_trusted_only(rows).full.log_probabilities(rows.noisy[compared]).exp().numpy().astype(np.float64)
    every = np.arange(len(problem.truth))
    own = _pairs(problem, trusted, every)
    first = paired_transitions(own, [_expected(problem, trusted, every, some, f)])
    together = surplus(some, f, first)
    informed = told_from_chance(own)
    weights = together.weights(informed)
    accuracy = accuracies(own if own.any() else some.counts(f))
    better = np.maximum(accuracy - 1 / problem.num_classes, 1e-3)  # than a guess
    votes = SourceTerms(_of_classes(weights, problem.num_classes), weights * better).of(noisy)
    return Heard(noisy, trusted, weights, informed, together, votes.argmax(axis=1).astype(np.int64))


def _of_classes(weights: Floats, classes: int) -> Floats:
    """`(S, K, K + 1)` label terms of 1 where a source says a class and 0 elsewhere."""
    return np.broadcast_to(np.eye(classes, classes + 1), (len(weights), classes, classes + 1)).copy()


def _pairs(problem: Problem, trusted: Spoken, use: Codes) -> Floats:
    """`(S, K, K + 1)` what each source says of some trusted rows; of those that it could not be asked of nothing.

    A source that says nothing of any of them was not asked: its silence there is none. People who answered a queue have
    no trusted row in it.
    """
    asked = use[np.asarray(trusted.speaks[use].sum(axis=1)).ravel() > 0]
    found = trusted[asked].counts(np.eye(problem.num_classes)[problem.truth[asked]])
    found[~found[:, :, :-1].any(axis=(1, 2))] = 0
    return found


def _expected(problem: Problem, trusted: Spoken, use: Codes, some: Spoken, f: Floats) -> Floats:
    """The priors of T0 by pairs; without pairs by what a classifier says of noisy rows."""
    own = _pairs(problem, trusted, use)
    of_rows = some.counts(f)
    return prior_transitions(own if own.any() else of_rows, of_rows.sum(axis=1), f.mean(axis=0, dtype=np.float64))


def fit_sources(problem: Problem, rows: FitRows, prior: Prior, heard: Heard) -> Sources:
    """Fit the matrices of all sources; the prior's stack says what each row is before any opinion is heard."""
    part = rows.sample(FITTED_TO)
    some, features = heard.noisy[part.numpy()], rows.noisy[part]
    every, folds = np.arange(len(problem.truth)), rows.folds.of[: len(problem.truth)]

    def matrices(head: LinearHead, use: Codes) -> tuple[Floats, Floats, Floats]:
        log_f = head.log_probabilities(features).numpy()
        expected = _expected(problem, heard.trusted, use, some, np.exp(log_f))
        own = _pairs(problem, heard.trusted, use)
        first = fitted = paired_transitions(own, [expected])
        for _ in range(ROUNDS):
            q = softmax(log_f + MIXED * evidence(some, np.log(fitted), heard.weights), axis=1)
            fitted = floored(some.counts(q) + own + STRENGTH * first)
        return first, fitted, paired_transitions(own, [expected, fitted])

    full = matrices(prior.stack.full, every)
    without = [matrices(head, every[folds != fold]) for fold, head in enumerate(prior.stack.without)]
    expected, fitted, paired = ((own, tuple(others)) for own, *others in zip(full, *without, strict=True))
    return Sources(heard, expected, fitted, paired)
