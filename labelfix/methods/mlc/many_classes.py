"""The anchored recipe where classes are very many, each of few rows.

    given and trusted labels → discriminants → T → q = P(y | x, y')
      → discriminants and a regression of q → their stack, the classifier → posterior with the given label

There is no label correction network: one number for each class, learned from two or three trusted rows of each, is
noise, and so is a classifier of 2,500 noisy rows for each fold (docs/experiments.md). Nothing is rows × classes but q,
in half precision, and label terms alone are classes × classes. Soft labels of noisy rows are made when they are asked
for, each by the heads that were fitted without its fold.

Legend: N noisy rows, M trusted rows, P pairs, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from labelfix.compute.freed_memory import give_back
from labelfix.correctors.contract import OUT_OF_FOLD, FittedModel, OwnRows, Problem
from labelfix.correctors.made import MadeSoft
from labelfix.data.arrays import Floats
from labelfix.data.tables import UNLABELLED, Codes, Probabilities
from labelfix.heads import stages
from labelfix.heads.discriminants import Transitions, fit_discriminants
from labelfix.heads.finished_model import as_classifier, held_by, right_out_of_fold
from labelfix.heads.folds import CrossFitted, calibrated
from labelfix.heads.posterior_trust import Trust, fit_trust
from labelfix.heads.rows import FitRows
from labelfix.heads.stacking import stacked
from labelfix.methods.mlc.posterior import MIN_PAIRS, corrector_of
from labelfix.methods.mlc.timing import Clock
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.threshold import choose_threshold
from labelfix.numerics.transition import paired_transition

MEMBERS = "discriminants", "regression"


def solve_many(problem: Problem, rows: FitRows, clock: Clock) -> FittedModel:
    """Fit it, of one column of given labels; see the module's docstring."""
    noisy, trusted, heads = len(rows.given), len(rows.truth), rows.folds.count + 1
    truth = rows.truth.numpy()
    with clock.part("members", heads * (noisy + trusted)):
        transition = _transitions(problem, rows)
        stack, shares = stacked(fit_members(problem, rows, transition), rows)
    with clock.part("posterior", 0):
        trust, without, threshold, metrics = _trust(problem, rows, stack, transition)
        soft = _out_of_fold(rows, stack, trust)
        score = _label_score(soft, problem.given)
    give_back()
    figures = {
        "posterior": {"beta": trust.beta, **metrics},
        "shares": dict(zip(MEMBERS, np.round(shares, 4).tolist(), strict=True)),
        "out_of_fold_nll": {"stack": stack.nll(truth), "classifier": stack.nll(truth)},
        "recipe": "anchored",
        "classifier_right": right_out_of_fold(problem, stack),
        "fit_seconds": clock.seconds,
    }
    judges = [corrector_of(own, stack.full, stack.full) for own in without]
    held = held_by(stack, len(problem.truth), judges, [score] * len(judges))
    return FittedModel(
        classifier=as_classifier(problem, stack.full),
        temperature=1.0,
        corrector=corrector_of(trust, stack.full, stack.full),
        history=pa.table({"member": list(MEMBERS), "share": shares}),
        min_confidence=threshold,
        metrics=figures,
        own_rows=OwnRows(soft, score, OUT_OF_FOLD.format(parts=rows.folds.count)),
        held=held.only(problem.unseen),
    )


def fit_members(problem: Problem, rows: FitRows, transition: Transitions) -> list[CrossFitted]:
    """Discriminants and a regression of q, in full and without each fold."""
    first, parts = fit_discriminants(rows), (None, *range(rows.folds.count))

    def fitted(fold: int | None) -> dict[str, np.ndarray]:
        learned, q = first.behind(fold, transition(fold))
        return stages.heads_to_arrays(first.again(fold, learned, q))

    def kept(fold: int | None) -> list[LinearHead]:
        name = "members" if fold is None else f"members-{fold + 1}"
        return stages.heads_from_arrays(stages.stage(problem.checkpoints, name, lambda: fitted(fold)))

    heads = [kept(fold) for fold in parts]
    truth = rows.truth.numpy()
    return [calibrated(full, without, rows.folds, rows.clean, truth) for full, *without in zip(*heads, strict=True)]


def _paired(problem: Problem) -> Codes:
    """`(P,)` the pairs; none where they are too few."""
    pairs = np.flatnonzero(problem.paired_given != UNLABELLED)
    return pairs if len(pairs) >= MIN_PAIRS else pairs[:0]


def _transitions(problem: Problem, rows: FitRows) -> Transitions:
    """T without a fold, made whenever it is asked for: T0, sharpened by pairs where there are enough."""
    expected, pairs = fit_discriminants(rows).transitions(), _paired(problem)
    truth, given, of = problem.truth[pairs], problem.paired_given[pairs], rows.folds.of[pairs]

    def without(fold: int | None) -> Floats:
        use = np.ones(len(pairs), dtype=bool) if fold is None else of != fold
        return paired_transition(truth[use], given[use], expected(fold)) if len(pairs) else expected(fold)

    return without


def _trust(
    problem: Problem, rows: FitRows, stack: CrossFitted, transition: Transitions
) -> tuple[Trust, Sequence[Trust], float, dict[str, Any]]:
    """How far the stack and the given label are trusted, without each fold too; the threshold, and figures."""

    def terms(fold: int | None) -> Floats:
        return np.log(transition(fold)).astype(np.float32)

    pairs, folds = _paired(problem), range(rows.folds.count)
    full, others = terms(None), [terms(fold) for fold in folds]
    if not len(pairs):
        without = [Trust(1.0, 0.0, own) for own in others]
        few = int((problem.paired_given != UNLABELLED).sum())
        return Trust(1.0, 0.0, full), without, choose_threshold(len(problem.truth)), {"paired": few}
    truth, given, held = problem.truth[pairs], problem.paired_given[pairs], stack.held[pairs]
    found = fit_trust(held, held, truth, given, rows.folds.only(pairs), (full, others), shares=(0.0,))
    threshold = choose_threshold(len(problem.truth), found.held, given, truth)
    right = float((found.held.argmax(axis=1) == truth)[problem.unseen[pairs]].mean())
    metrics = {"paired": len(pairs), "kappa": found.kappa, "paired_right_out_of_fold": right}
    return found.trust, found.without, threshold, metrics


def _out_of_fold(rows: FitRows, stack: CrossFitted, trust: Trust) -> MadeSoft:
    """Soft labels of the noisy rows, each by the heads that have not seen it."""
    of = fit_discriminants(rows).of

    def make(part: Codes) -> Probabilities:
        places = torch.from_numpy(part)
        logits = torch.empty(len(part), rows.num_classes)
        for fold, head in enumerate(stack.without):
            own = torch.nonzero(of[places] == fold)[:, 0]
            logits[own] = head.logits(rows.noisy[places[own]])
        return np.exp(trust.log_soft(logits.double().numpy(), rows.given[places].numpy())).astype(np.float32)

    return MadeSoft(len(rows.given), rows.num_classes, make)


def _label_score(soft: MadeSoft, given: Codes) -> Probabilities:
    found = np.empty(len(soft), dtype=np.float32)
    for part in row_blocks(len(soft), soft.classes):
        found[part] = np.take_along_axis(soft[part], given[part, None], 1)[:, 0]
    return found
