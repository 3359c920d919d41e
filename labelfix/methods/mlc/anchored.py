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

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from labelfix.compute.checkpoints import Checkpoints
from labelfix.compute.freed_memory import give_back
from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.arrays import Floats
from labelfix.heads import learners, stages
from labelfix.heads.finished_model import as_classifier, held_by, right_out_of_fold
from labelfix.heads.folds import CrossFitted, calibrated
from labelfix.heads.learners import learned_transition
from labelfix.heads.rows import NOISY_SAMPLE, FitRows, load_rows
from labelfix.heads.stacking import stacked
from labelfix.methods.mlc.many_classes import solve_many
from labelfix.methods.mlc.posterior import fit_posterior
from labelfix.methods.mlc.prior import GivenLabels, OneColumn, Prior
from labelfix.methods.mlc.sources import fit_sources, hear
from labelfix.methods.mlc.structured import (
    META_SAMPLE,
    OUTER_STEPS,
    InnerProblem,
    StructuredCorrection,
    outer_together,
    train,
)
from labelfix.methods.mlc.timing import Clock
from labelfix.numerics.head_losses import cross_entropy_to
from labelfix.numerics.leave_one_out import shares_hessian
from labelfix.numerics.linear_heads import LinearHead, searched_at_once
from labelfix.numerics.row_blocks import row_blocks
from labelfix.progress import Progress
from labelfix.settings.methods import MlcSettings

EM_ROUNDS = 50
"""EM rounds of T_m."""


def _passes(rows: FitRows, width: int) -> dict[str, int]:
    """Part → about how many rows its fits pass over: every head counts the rows that it is fitted to."""
    heads, noisy, trusted = rows.folds.count + 1, len(rows.given), len(rows.truth)
    every, some = noisy + trusted, min(noisy, META_SAMPLE) + trusted
    return {
        "members": heads * 4 * (trusted + every) + 7 * min(noisy, NOISY_SAMPLE),  # GLC8 and N1; S1 twice
        "meta step": OUTER_STEPS * min(rows.folds.count, searched_at_once(rows.num_classes)) * some,
        "classifier": every + rows.folds.count * some,
        "posterior": 2 * noisy + (0 if shares_hessian(noisy, width, rows.num_classes) else min(noisy, META_SAMPLE)),
    }


def solve(problem: Problem, settings: MlcSettings, progress: Progress) -> FittedModel:
    """Fit the anchored recipe, which has no knobs, on fixed features; see the module's docstring."""
    rows, keep = load_rows(problem, progress), problem.checkpoints
    clock, heard = Clock(progress, {}), None
    if rows.many_classes and problem.opinions is None:
        return solve_many(problem, rows, clock)
    if problem.opinions is not None:
        heard = hear(problem, rows)
        rows = replace(rows, given=torch.from_numpy(heard.voted))
    passes = _passes(rows, rows.clean.shape[1])
    with clock.part("members", passes["members"]):
        prior = Prior.from_arrays(stages.stage(keep, "prior", lambda: fit_prior(rows, keep).to_arrays()))
        labels = OneColumn(rows.given, prior) if heard is None else fit_sources(problem, rows, prior, heard)
    with clock.part("meta step", passes["meta step"]):
        correction, inner, history = meta_step(rows, prior, labels, keep)
    with clock.part("classifier", passes["classifier"]):
        classifier = stages.cross_fitted_stage(
            keep, "classifier", lambda: fit_classifier(rows, prior, labels, correction, inner)
        )
    with clock.part("posterior", passes["posterior"]):
        posterior = fit_posterior(problem, rows, prior, labels, correction, classifier)
    give_back()
    truth = rows.truth.numpy()
    of_sources = posterior.metrics.pop("sources", None)
    metrics: dict[str, Any] = {
        **({} if of_sources is None else {"sources": of_sources}),
        "posterior": posterior.metrics,
        "shares": prior.shares,
        "ridge": prior.ridge,
        "lcn": {"a": float(correction.a), "b": float(correction.b), "c": float(correction.c)},
        "out_of_fold_nll": {"stack": prior.stack.nll(truth), "classifier": classifier.nll(truth)},
        "recipe": "anchored",
        "classifier_right": right_out_of_fold(problem, classifier),
        "fit_seconds": clock.seconds,
    }
    module = as_classifier(problem, classifier.full)
    held = held_by(classifier, len(problem.truth), posterior.judges, posterior.judges_scores)
    return FittedModel(
        classifier=module,
        temperature=1.0,
        corrector=posterior.corrector,
        history=pa.Table.from_pylist(history),
        min_confidence=posterior.threshold,
        metrics=metrics,
        own_rows=posterior.own_rows,
        held=held.only(problem.unseen),
    )


def fit_prior(rows: FitRows, keep: Checkpoints | None = None) -> Prior:
    """The members, their stack, and the transition matrices."""
    expected, without = learners.given_transitions(rows)

    def fit_bayes() -> dict[str, np.ndarray]:
        found, ridge = learners.fit_bayes_student(rows, partial(stages.part_of, keep, "S1"))
        return stages.to_arrays(found) | {"ridge": np.array(ridge)}

    arrays = stages.stage(keep, "S1", fit_bayes)
    fitted, ridge = {"S1": stages.from_arrays(arrays)}, float(arrays["ridge"])
    later = {
        "GLC8": lambda: learners.fit_glc(rows, learners.LOOSE),
        "N1": lambda: learners.fit_as_given(rows),
    }
    fitted |= {name: stages.cross_fitted_stage(keep, name, compute) for name, compute in later.items()}
    stack, beta = stacked(list(fitted.values()), rows)
    part = rows.subset(rows.sample(NOISY_SAMPLE))

    def fit_matrix(head: LinearHead, prior: Floats) -> Floats:
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
        as_given=fitted["N1"],
        as_given_ridge=learners.as_given_ridge(rows),
    )


def meta_step(
    rows: FitRows, prior: Prior, labels: GivenLabels, keep: Checkpoints | None = None
) -> tuple[StructuredCorrection, list[InnerProblem], list[dict[str, float]]]:
    """Train the structured LCN on folds of the trusted rows.

    Returns:
        Its parameters, the folds' inner problems, solved, and the history.
    """
    sampled = rows.sample(META_SAMPLE)
    part = rows.subset(sampled)

    def problem_of(fold: int) -> InnerProblem:
        log_prior = torch.log_softmax(prior.stack.without[fold].columns(part.noisy), dim=0)
        return InnerProblem(part, fold, log_prior, *labels.at(sampled, fold), prior.ridge)

    problems = [problem_of(fold) for fold in range(rows.folds.count)]

    def solve() -> dict[str, np.ndarray]:
        correction, history = train(problems, rows.num_classes, len(rows.truth))
        heads = stages.heads_to_arrays(tuple(problem.head for problem in problems if problem.head is not None))
        # Numbered, because a folder of arrays keeps their names but not their order.
        columns = {f"history.{i:02d}.{n}": np.array([r[n] for r in history]) for i, n in enumerate(history[0])}
        return heads | correction.to_arrays() | columns

    found = stages.stage(keep, "meta-step", solve)
    for problem, head in zip(problems, stages.heads_from_arrays(found), strict=True):
        problem.head = head
    columns = {name.split(".", 2)[2]: found[name].tolist() for name in sorted(found) if name.startswith("history.")}
    history = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return StructuredCorrection.from_arrays(found), problems, history


def fit_classifier(
    rows: FitRows, prior: Prior, labels: GivenLabels, correction: StructuredCorrection, inner: list[InnerProblem]
) -> CrossFitted:
    """The classifier f on the LCN's labels."""
    noisy, places = len(rows.given), torch.arange(len(rows.given))
    q = torch.zeros(rows.num_classes, len(rows.features))
    for part in row_blocks(noisy, rows.num_classes):
        log_prior = torch.log_softmax(prior.stack.full.columns(rows.noisy[part]), dim=0)
        q[:, part] = correction.soft(log_prior, *labels.at(places[part], None))
    q[rows.truth, torch.arange(noisy, len(rows.features))] = 1
    weights = rows.weights([np.arange(len(rows.truth), dtype=np.int64)])
    full = rows.fit(cross_entropy_to(q.mT, weights[0]), prior.ridge, prior.stack.full)
    del q
    size = searched_at_once(rows.num_classes)
    for first in range(0, len(inner), size):  # the folds' own classifiers, at the final labels
        outer_together(inner[first : first + size], correction, 25, 1)
    heads = [problem.head for problem in inner if problem.head is not None]
    return calibrated(full, heads, rows.folds, rows.clean, rows.truth.numpy())
