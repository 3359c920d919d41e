"""Meta Label Correction anchored on trusted rows (`recipe = anchored`), for fixed features.

The paper's objective (Eq. 1) with its inner problem solved instead of approximated by one step: on fixed features
the classifier is a convex problem's solution, and the meta-gradient is taken through it implicitly.

    f_g, n(y'|x) → T0 → members S1, GLC8, N1 → stack f_s → T_m
      → structured LCN, trained by the meta-gradient on cross-validated trusted rows
      → classifier f on its labels → posterior with the given label

Everything that is fitted on trusted rows is fitted in full and without each of four folds, so that every choice is
made on rows that were not trained on; no row is held out. Members, stack and classifier are softmax-linear: each is
one linear head.

Legend: N noisy rows, M trusted rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from torch import Tensor

from labelfix.correction import kept, members
from labelfix.correction.base import FittedModel, Problem
from labelfix.correction.class_conditional import CLEARLY, advantage_of_direct_model
from labelfix.correction.folds import CrossFitted, calibrated, out_of_fold
from labelfix.correction.heads import as_classifier, held_by, right_out_of_fold
from labelfix.correction.members import Rows, learned_transition, load
from labelfix.correction.posterior import PosteriorCorrector, fit_paired
from labelfix.correction.stack import fit_stack, merge
from labelfix.correction.threshold import choose_threshold
from labelfix.correction.transition import Matrix
from labelfix.data.tables import UNLABELLED
from labelfix.methods.mlc.structured import SAMPLE, InnerProblem, StructuredCorrection, as_log, train
from labelfix.progress import Progress
from labelfix.settings.methods import MlcSettings
from labelfix.training.checkpoints import Checkpoints
from labelfix.training.linear import LinearHead, cross_entropy_to

EM_ROUNDS = 50
"""EM rounds of T_m."""


@dataclass(frozen=True)
class Prior:
    """What the trusted rows and simple correctors say before the meta step.

    Attributes:
        stack: f_s.
        ridge: r of the classifier, chosen with S1.
        expected: T0, and without each fold.
        fitted: T_m, and without each fold.
        shares: Member → β.
        direct: −log n(y'|x) of sampled noisy rows, out of fold.
    """

    stack: CrossFitted
    ridge: float
    expected: tuple[Matrix, tuple[Matrix, ...]]
    fitted: tuple[Matrix, tuple[Matrix, ...]]
    shares: dict[str, float]
    direct: npt.NDArray[np.float64]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """As arrays, to be kept."""
        return kept.to_arrays(self.stack) | {
            "ridge": np.array(self.ridge),
            "expected": np.stack([self.expected[0], *self.expected[1]]),
            "fitted": np.stack([self.fitted[0], *self.fitted[1]]),
            "direct": self.direct,
            **{f"share.{i}.{name}": np.array(share) for i, (name, share) in enumerate(self.shares.items())},
        }

    @classmethod
    def from_arrays(cls, arrays: kept.Arrays) -> Prior:
        """The same back."""
        expected, *expected_without = arrays["expected"]
        fitted, *fitted_without = arrays["fitted"]
        named = sorted(name for name in arrays if name.startswith("share."))
        return cls(
            stack=kept.from_arrays(arrays),
            ridge=float(arrays["ridge"]),
            expected=(expected, tuple(expected_without)),
            fitted=(fitted, tuple(fitted_without)),
            shares={name.split(".", 2)[2]: float(arrays[name]) for name in named},
            direct=arrays["direct"],
        )


@dataclass
class _Clock:
    progress: Progress
    seconds: dict[str, float]

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = perf_counter()
        yield
        self.seconds[name] = round(perf_counter() - started, 3)
        self.progress.advance(1)


def fit(problem: Problem, settings: MlcSettings, progress: Progress) -> FittedModel:
    """Fit the anchored recipe; see the module's docstring.

    Args:
        problem: The data; its inputs are fixed features.
        settings: Unused beyond the recipe's name: the recipe has no knobs.
        progress: Told of every part.
    """
    rows, keep = load(problem, progress), problem.checkpoints
    clock = _Clock(progress, {})
    progress.start("fit", total=4, unit="parts")
    with clock.part("members"):
        prior = Prior.from_arrays(kept.stage(keep, "prior", lambda: fit_prior(rows, keep).to_arrays()))
    with clock.part("meta step"):
        correction, inner, history = meta_step(rows, prior, keep)
    with clock.part("classifier"):
        classifier = kept.cross_fitted_stage(keep, "classifier", lambda: fit_classifier(rows, prior, correction, inner))
    with clock.part("posterior"):
        corrector, judges, threshold, metrics = fit_posterior(problem, rows, prior, correction, classifier)
    progress.finish()
    truth = rows.truth.numpy()
    metrics |= {
        "shares": prior.shares,
        "ridge": prior.ridge,
        "lcn": {"a": float(correction.a), "b": float(correction.b), "c": float(correction.c)},
        "out_of_fold_nll": {"stack": prior.stack.nll(truth), "classifier": classifier.nll(truth)},
        "recipe": "anchored",
        "classifier_right": right_out_of_fold(problem, classifier),
        "fit_seconds": clock.seconds,
    }
    module = as_classifier(problem, classifier.full)
    held = held_by(classifier, len(problem.truth), judges)
    return FittedModel(module, 1.0, corrector, pa.Table.from_pylist(history), threshold, metrics, held=held)


def fit_prior(rows: Rows, keep: Checkpoints | None = None) -> Prior:
    """The members, their stack, and the transition matrices."""
    truth = rows.truth.numpy()
    trusted_only = members.fit_trusted_only(rows)
    of_given, direct = members.cross_fit_given_labels(rows)
    expected, without = members.transitions(rows, of_given)

    def fit_bayes() -> dict[str, np.ndarray]:
        found, ridge = members.fit_bayes_student(rows, trusted_only, expected, without)
        return kept.to_arrays(found) | {"ridge": np.array(ridge)}

    arrays = kept.stage(keep, "S1", fit_bayes)
    bayes, ridge = kept.from_arrays(arrays), float(arrays["ridge"])
    later = {
        "GLC8": lambda: members.fit_glc(rows, expected, without, 8.0, bayes),
        "N1": lambda: members.fit_as_given(rows, bayes),
    }
    fitted = {"S1": bayes} | {name: kept.cross_fitted_stage(keep, name, compute) for name, compute in later.items()}
    beta = fit_stack(np.stack([m.held for m in fitted.values()]), truth)
    stack = _stacked(list(fitted.values()), beta, rows)
    part = rows.subset(rows.sample(members.SAMPLE))

    def fit_matrix(head: LinearHead, prior: Matrix) -> Matrix:
        return learned_transition(head.log_probabilities(part.noisy), part.given, prior, prior, EM_ROUNDS)

    return Prior(
        stack=stack,
        ridge=ridge,
        expected=(expected, without),
        fitted=(
            fit_matrix(stack.full, expected),
            tuple(fit_matrix(head, t) for head, t in zip(stack.without, without, strict=True)),
        ),
        shares={name: round(float(share), 4) for name, share in zip(fitted, beta, strict=True)},
        direct=direct,
    )


def meta_step(
    rows: Rows, prior: Prior, keep: Checkpoints | None = None
) -> tuple[StructuredCorrection, list[InnerProblem], list[dict[str, float]]]:
    """Train the structured LCN on folds of the trusted rows.

    Returns:
        Its parameters, the folds' inner problems, solved, and the history.
    """
    part = rows.subset(rows.sample(SAMPLE))
    problems = [
        InnerProblem(
            rows=part,
            fold=fold,
            log_prior=prior.stack.without[fold].log_probabilities(part.noisy),
            log_expected=as_log(prior.expected[1][fold]),
            log_fitted=as_log(prior.fitted[1][fold]),
            ridge=prior.ridge,
        )
        for fold in range(rows.folds.count)
    ]

    def solve() -> dict[str, np.ndarray]:
        correction, history = train(problems, rows.num_classes, len(rows.truth))
        heads = kept.heads_to_arrays(tuple(problem.head for problem in problems if problem.head is not None))
        # Numbered, because a folder of arrays keeps their names but not their order.
        columns = {f"history.{i:02d}.{n}": np.array([r[n] for r in history]) for i, n in enumerate(history[0])}
        return heads | correction.to_arrays() | columns

    found = kept.stage(keep, "meta-step", solve)
    for problem, head in zip(problems, kept.heads_from_arrays(found), strict=True):
        problem.head = head
    columns = {name.split(".", 2)[2]: found[name].tolist() for name in sorted(found) if name.startswith("history.")}
    history = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return StructuredCorrection.from_arrays(found), problems, history


def fit_classifier(
    rows: Rows, prior: Prior, correction: StructuredCorrection, inner: list[InnerProblem]
) -> CrossFitted:
    """The classifier f on the LCN's labels."""
    expected, fitted = as_log(prior.expected[0]), as_log(prior.fitted[0])
    q = correction.soft(prior.stack.full.log_probabilities(rows.noisy), rows.given, expected, fitted)
    every = np.arange(len(rows.truth), dtype=np.int64)
    full = rows.fit(cross_entropy_to(*rows.targets(q, every)), prior.ridge, prior.stack.full)
    for problem in inner:
        problem.outer(correction, 25, 1)  # the folds' own classifiers, at the final labels
    heads = [problem.head for problem in inner if problem.head is not None]
    return calibrated(full, heads, rows.folds, rows.clean, rows.truth.numpy())


def fit_posterior(
    problem: Problem, rows: Rows, prior: Prior, correction: StructuredCorrection, classifier: CrossFitted
) -> tuple[PosteriorCorrector, list[PosteriorCorrector], float, dict[str, Any]]:
    """What is made of a given label, in full and without each fold, and from which confidence on.

    From pairs where there are enough of them. Without them it is T_m where the class alone explains the given labels,
    and else the LCN's label terms, which the trusted rows hold back.
    """
    paired = np.flatnonzero(problem.paired_given != UNLABELLED)
    if len(paired) >= MIN_PAIRS:
        found = fit_paired(
            classifier.held[paired],
            problem.truth[paired],
            problem.paired_given[paired],
            rows.folds.of[paired],
            *prior.expected,
        )
        truth, given = problem.truth[paired], problem.paired_given[paired]
        threshold = choose_threshold(len(problem.truth), found.held, given, truth)
        right = float((found.held.argmax(axis=1) == truth).mean())
        metrics = {"paired": len(paired), "beta": found.beta, "kappa": found.kappa, "paired_right_out_of_fold": right}
        judges = [PosteriorCorrector(terms, beta, 1.0) for beta, terms in found.without]
        return PosteriorCorrector(found.label_terms, found.beta, 1.0), judges, threshold, {"posterior": metrics}
    part = rows.subset(rows.sample(members.SAMPLE))
    log_f = classifier.full.log_probabilities(part.noisy).numpy()
    advantage = advantage_of_direct_model(log_f, prior.fitted[0], part.given.numpy(), prior.direct)
    by_class = advantage < CLEARLY

    def corrector(expected: Matrix, fitted: Matrix) -> PosteriorCorrector:
        terms: Tensor = correction.label_terms(as_log(expected), as_log(fitted))
        held_back = terms.numpy().astype(np.float64) / max(float(correction.a), 1.0)
        return PosteriorCorrector(np.log(fitted) if by_class else held_back, 1.0, 1.0)

    judges = [corrector(*matrices) for matrices in zip(prior.expected[1], prior.fitted[1], strict=True)]
    metrics = {"paired": len(paired), "advantage_of_direct_model": round(advantage, 2), "noise_by_class": by_class}
    threshold = choose_threshold(len(problem.truth))
    return corrector(prior.expected[0], prior.fitted[0]), judges, threshold, {"posterior": metrics}


MIN_PAIRS = 20
"""With fewer pairs than this the posterior rests on the LCN's label terms instead."""


def _stacked(parts: list[CrossFitted], factors: np.ndarray, rows: Rows) -> CrossFitted:
    """The stack of cross-fitted heads, merged into one head each, in full and without each fold."""
    full = merge([part.full for part in parts], list(factors))
    without = [merge([part.without[k] for part in parts], list(factors)) for k in range(rows.folds.count)]
    return CrossFitted(full, tuple(without), out_of_fold(without, rows.folds, rows.clean), rows.folds.of)
