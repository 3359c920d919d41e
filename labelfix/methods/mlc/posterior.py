"""The soft labels of the anchored recipe: of new rows, of the noisy rows it learned from, and of its judges.

The posterior is made from pairs where there are enough of them. Without them its label terms are T_m's as far as the
class alone explains the given labels, and else what noisy rows and the LCN leave of them; see
`numerics.row_dependence`.

A noisy row is judged as if neither the classifier nor N1 had learned its label; see `leave_one_out.left_out`. Noisy
rows that stand in for a class without trusted rows are in both twice, and only once taken out.

Legend: N noisy rows, M trusted rows, K classes, F folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_softmax
from torch import Tensor

from labelfix.correctors.calibrated import CalibratedCorrector
from labelfix.correctors.contract import LEFT_OUT, Corrector, OwnRows, Problem
from labelfix.correctors.posterior import PosteriorCorrector
from labelfix.correctors.sources import SourcesCorrector
from labelfix.data.arrays import Floats
from labelfix.data.tables import UNLABELLED
from labelfix.heads.folds import CrossFitted
from labelfix.heads.posterior_trust import Labels, SourceTerms, Trust, fit_paired, fit_share, fit_trust, scaled_by_pairs
from labelfix.heads.rows import NOISY_SAMPLE, FitRows
from labelfix.methods.mlc.prior import OneColumn, Prior, as_log
from labelfix.methods.mlc.sources import Sources
from labelfix.methods.mlc.structured import META_SAMPLE, StructuredCorrection
from labelfix.numerics.leave_one_out import Leverage, left_out, leverage_of, shares_hessian
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.row_dependence import Dependence, fit_dependence, mixed_terms
from labelfix.numerics.stack import merge
from labelfix.numerics.threshold import choose_threshold

MIN_PAIRS = 20
"""With fewer pairs than this the posterior rests on the LCN's label terms instead."""

OF_SOURCES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2)
"""Candidates for κ of several sources."""

USUAL = 0.4
"""κ of several sources where pairs say nothing of it: they err together, so that it is far below 1."""

APART = 0.25
"""How far κ and β of several sources are usually from that and from 1."""

SCALED_FROM = 100
"""From this many pairs on they scale the posterior of several sources class by class: 40 make it worse, 160 better."""

Rows = slice | Tensor
"""Some noisy rows."""


@dataclass(frozen=True)
class Posterior:
    """What is made of a given label.

    Attributes:
        threshold: From which confidence on a label is changed.
        judges: The corrector without each fold.
        judges_scores: label_score of the noisy rows by each judge, `(N,)` each; None where that is too rough.
    """

    corrector: Corrector
    threshold: float
    own_rows: OwnRows
    judges: Sequence[Corrector]
    judges_scores: list[npt.NDArray[np.float32]] | None
    metrics: dict[str, Any]


def fit_posterior(
    problem: Problem,
    rows: FitRows,
    prior: Prior,
    labels: OneColumn | Sources,
    correction: StructuredCorrection,
    classifier: CrossFitted,
) -> Posterior:
    """Choose how far classifier, N1 and given label are trusted, and apply it to the noisy rows."""
    paired = int((problem.paired_given != UNLABELLED).sum()) >= MIN_PAIRS
    seen = _Seen(rows, prior, labels, correction, classifier)
    given: Labels = problem.given
    if isinstance(labels, Sources):
        given = labels.noisy
        choose = _from_pairs_of_sources if paired else _from_network
        trust, without, threshold, metrics = choose(problem, rows, labels, correction, seen)
    else:
        of_column = _from_pairs if paired else _from_assumptions
        trust, without, threshold, metrics = of_column(problem, rows, prior, correction, seen)
    each = np.arange(len(problem.given))
    soft = np.empty((len(each), problem.num_classes), dtype=np.float32)
    for part, said in _soft(trust, seen, None, given):
        soft[part] = said
    scores = None
    if seen.each_fold_scores:
        scores = [np.empty(len(each), dtype=np.float32) for _ in without]
        for k, (own, score) in enumerate(zip(without, scores, strict=True)):
            for part, said in _soft(own, seen, k, given):
                score[part] = said[np.arange(len(said)), problem.given[part]]
    heads = zip(without, classifier.without, prior.as_given.without, strict=True)
    return Posterior(
        corrector=corrector_of(trust, classifier.full, prior.as_given.full),
        threshold=threshold,
        own_rows=OwnRows(soft, soft[each, problem.given], LEFT_OUT),
        judges=[corrector_of(own, f, n) for own, f, n in heads],
        judges_scores=scores,
        metrics={"beta": trust.beta, "share_of_labels_as_given": trust.share, **metrics},
    )


ChosenTrust = tuple[Trust, tuple[Trust, ...], float, dict[str, Any]]


def _from_pairs(problem: Problem, rows: FitRows, prior: Prior, _: StructuredCorrection, seen: _Seen) -> ChosenTrust:
    paired = np.flatnonzero(problem.paired_given != UNLABELLED)
    truth, given = problem.truth[paired], problem.paired_given[paired]
    held = seen.classifier.held[paired], prior.as_given.held[paired]
    found = fit_paired(*held, truth, given, rows.folds.only(paired), *prior.expected)
    threshold = choose_threshold(len(problem.truth), found.held, given, truth)
    right = float((found.held.argmax(axis=1) == truth)[problem.unseen[paired]].mean())
    metrics = {"paired": len(paired), "kappa": found.kappa, "paired_right_out_of_fold": right}
    return found.trust, found.without, threshold, metrics


def _from_pairs_of_sources(
    problem: Problem, rows: FitRows, sources: Sources, _: StructuredCorrection, seen: _Seen
) -> ChosenTrust:
    paired = np.flatnonzero(problem.paired_given != UNLABELLED)
    truth, given = problem.truth[paired], problem.paired_given[paired]
    held = seen.classifier.held[paired], seen.prior.as_given.held[paired]
    terms = sources.terms(sources.paired[0]), [sources.terms(each) for each in sources.paired[1]]
    own, folds = sources.trusted[paired], rows.folds.only(paired)
    found = fit_trust(*held, truth, own, folds, terms, USUAL, OF_SOURCES, APART)
    if len(paired) >= SCALED_FROM:
        found = scaled_by_pairs(found, truth, folds, problem.given)
    threshold = choose_threshold(len(problem.truth), found.held, given, truth)
    judging = problem.unseen[paired]
    right = float((found.held.argmax(axis=1) == truth)[judging].mean())
    metrics = {"paired": len(paired), "kappa": found.kappa, "paired_right_out_of_fold": right}
    of_judging = (held[0][judging], held[1][judging]), truth[judging], paired[judging], folds.of[judging]
    lost = sources.lost(*of_judging, found.without)
    return found.trust, found.without, threshold, metrics | {"sources": sources.figures() | lost}


def _from_network(
    problem: Problem, rows: FitRows, sources: Sources, correction: StructuredCorrection, seen: _Seen
) -> ChosenTrust:
    """Without pairs the LCN's own label terms count, as the meta-objective left them."""

    def trust(expected: Floats, fitted: Floats) -> Trust:
        return Trust(1.0, 0.0, sources.of_network(correction, expected, fitted))

    without = tuple(map(trust, sources.expected[1], sources.fitted[1]))
    metrics = {"paired": int((problem.paired_given != UNLABELLED).sum()), "sources": sources.figures()}
    return trust(sources.expected[0], sources.fitted[0]), without, choose_threshold(len(problem.truth)), metrics


def _from_assumptions(
    problem: Problem, rows: FitRows, prior: Prior, correction: StructuredCorrection, seen: _Seen
) -> ChosenTrust:
    part = rows.sample(NOISY_SAMPLE)
    given = rows.given[part].numpy()

    def fit(fold: int | None, expected: Floats, fitted: Floats) -> tuple[Dependence, Floats]:
        both = seen.by_classifier(fold, part), seen.by_labels_as_given(fold, part)
        log_f, log_g = (log_softmax(said.double().numpy(), axis=1) for said in both)
        found = fit_dependence(log_f, log_g, given, expected, fitted)
        of_network = correction.label_terms(as_log(expected), as_log(fitted)).numpy().astype(np.float64)
        of_network /= max(float(correction.a), 1.0)
        return found, mixed_terms(found, fitted, of_network, float(correction.b))

    dependence, terms = fit(None, prior.expected[0], prior.fitted[0])
    without = [fit(k, *matrices) for k, matrices in enumerate(zip(prior.expected[1], prior.fitted[1], strict=True))]
    matrices = [
        each.weight * expected + (1 - each.weight) * fitted
        for (each, _), expected, fitted in zip(without, prior.expected[1], prior.fitted[1], strict=True)
    ]
    own = len(problem.truth)  # what stands in for classes without trusted rows is no judge
    held = seen.classifier.held[:own], prior.as_given.held[:own], problem.truth, rows.folds.only(np.arange(own))
    trust, others = fit_share(*held, (terms, [each for _, each in without]), matrices)
    pairs = int((problem.paired_given != UNLABELLED).sum())
    metrics = {
        "paired": pairs,
        "row_dependence": dependence.gamma,
        "row_dependence_weight": round(dependence.weight, 3),
    }
    return trust, others, choose_threshold(own), metrics


@dataclass
class _Seen:
    """Noisy rows by heads that learned them, each row taken out again; some rows at a time.

    Attributes:
        labels: What the LCN was given.
        leverage: What makes leverages of f, learned from all noisy rows (True), and of f without a fold, learned from a
            sample; those of the folds are taken to be the same, as they differ by a quarter of the trusted rows.
    """

    rows: FitRows
    prior: Prior
    labels: OneColumn | Sources
    correction: StructuredCorrection
    classifier: CrossFitted
    leverage: dict[bool, Leverage] = field(default_factory=dict)

    @cached_property
    def each_fold_scores(self) -> bool:
        """Whether judges score the rows: a shared Hessian takes too much out for a guarantee to rest on."""
        return not shares_hessian(len(self.rows.given), self.rows.noisy.shape[1], self.rows.num_classes)

    def by(self, fold: int | None, share: float, part: Rows) -> Tensor:
        """`(n, K)` what f and N1, with a share, say together without a fold of the trusted rows; see `Trust.mixed`."""
        if share == 0:
            return self.by_classifier(fold, part)
        if share == 1:
            return self.by_labels_as_given(fold, part)
        return (1 - share) * self.by_classifier(fold, part) + share * self.by_labels_as_given(fold, part)

    @cached_property
    def _of_given(self) -> Leverage:
        """Leverages of N1; those without a fold are taken to be the same."""
        rows, fitted = self.rows, self.prior.as_given
        (weights,) = rows.weights([np.arange(len(rows.truth), dtype=np.int64)])
        head, _ = fitted.without_temperature(None)
        given = rows.one_hot(rows.given) if self.each_fold_scores else None
        return leverage_of(rows.features, head, weights, self.prior.as_given_ridge, len(rows.given), given)

    def by_labels_as_given(self, fold: int | None, part: Rows) -> Tensor:
        """`(n, K)` logits of N1."""
        fitted, rows = self.prior.as_given, self.rows
        head, temperature = fitted.without_temperature(fold)
        own = rows.one_hot(rows.given[part])
        return left_out(head.logits(rows.noisy[part]), own, self._of_given(part)) / temperature

    def by_classifier(self, fold: int | None, part: Rows) -> Tensor:
        """`(n, K)` logits of f. Heads without a fold learned a sample of the rows; others are judged as they are."""
        rows = self.rows
        raw, temperature = self.classifier.without_temperature(fold)
        logits = raw.logits(rows.noisy[part])
        if fold is None:
            return left_out(logits, self._learned(None, part), self._of_classifier(None)(part)) / temperature
        place = self._place[part]
        own = place >= 0
        learned = self._learned(fold, torch.arange(len(rows.given))[part][own])
        logits[own] = left_out(logits[own], learned, self._of_classifier(fold)(place[own]))
        return logits / temperature

    @cached_property
    def _place(self) -> Tensor:
        """`(N,)` where rows stand in the sample that heads without a fold learned; -1 for rows that do not."""
        sampled = self.rows.sample(META_SAMPLE)
        return torch.full((len(self.rows.given),), -1).index_put_((sampled,), torch.arange(len(sampled)))

    def _learned(self, fold: int | None, part: Rows) -> Tensor:
        """`(n, K)` q, the labels that f learned."""
        stack = self.prior.stack.full if fold is None else self.prior.stack.without[fold]
        log_prior = torch.log_softmax(stack.columns(self.rows.noisy[part]), dim=0)
        places = torch.arange(len(self.rows.given))[part]
        return self.correction.soft(log_prior, *self.labels.at(places, fold)).T

    def _of_classifier(self, fold: int | None) -> Leverage:
        whole = fold is None
        if whole not in self.leverage:
            rows, (raw, _) = self.rows, self.classifier.without_temperature(fold)
            sampled = torch.arange(len(rows.given)) if fold is None else rows.sample(META_SAMPLE)
            use = np.arange(len(rows.truth), dtype=np.int64) if fold is None else rows.folds.outside(fold)
            part = rows.subset(sampled)
            learned = self._learned(fold, sampled) if self.each_fold_scores else None
            weights = part.weights([use])[0]
            found = leverage_of(part.features, raw, weights, self.prior.ridge, len(sampled), learned)
            self.leverage[whole] = found
        return self.leverage[whole]


def _soft(trust: Trust, seen: _Seen, fold: int | None, given: Labels) -> Iterator[tuple[slice, Floats]]:
    """Soft labels of the noisy rows, some at a time."""
    for part in row_blocks(len(seen.rows.given), seen.rows.num_classes):
        mixed = seen.by(fold, trust.share, part).numpy().astype(np.float64)
        yield part, np.exp(trust.log_soft(mixed, given[part]))


def corrector_of(trust: Trust, f: LinearHead, n: LinearHead) -> Corrector:
    """The same for rows that nobody learned: f is the run's classifier, N1 turns its logits."""
    turn = merge([n, f], [trust.share, -trust.share]) if trust.share else None
    affine = None if turn is None else turn.affine()
    if isinstance(trust.label_terms, SourceTerms):
        terms = trust.label_terms
        found = SourcesCorrector(terms.label_terms, terms.weights, trust.beta, affine)
        return found if trust.scale is None else CalibratedCorrector(found, trust.scale)
    return PosteriorCorrector(trust.label_terms, trust.beta, 1.0, affine)
