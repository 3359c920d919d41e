"""Plain training on noisy and trusted rows as they are: what MLC adds is measured against it.

    classifier: cross-entropy on noisy rows with given labels and on trusted rows with theirs
    soft label: P(y | x, y') ∝ f(y|x) · T[y, y'], with T estimated on the trusted rows

End to end it takes the steps of MLC's published recipe, the same batches at the same learning rates, with the given
labels in place of corrected ones and without the look-ahead. On fixed features it is the logistic regression of
all rows, regularised by the likelihood of trusted rows out of fold. `noisy-only` is the same without trusted rows in
training; they still set the temperature and T.

T is that of the trusted rows: from pairs of trusted and given labels where there are any, and from what a model of
the given labels (end to end: the classifier, on trusted rows kept out) says of the trusted rows of each class.

Legend: M trusted rows, N noisy rows, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.tables import Codes
from labelfix.heads import learners
from labelfix.heads.finished_model import best_ridge, posterior_model
from labelfix.heads.folds import FOLDS, MORE_FOLDS, CrossFitted, calibrated, cross_fit
from labelfix.heads.rows import FitRows, load_rows
from labelfix.networks.finished_model import posterior_network, transition_from
from labelfix.networks.trainer import Trainer
from labelfix.networks.training import (
    META_COLUMNS,
    history_table,
    learn_given_labels,
    make_trainer,
    new_classifier,
    plain_training,
    says,
    train,
)
from labelfix.numerics.linear_heads import LinearHead
from labelfix.progress import Progress
from labelfix.settings.methods import MixedSettings, NoisyOnlySettings

RIDGES = (1.0, 10.0)
"""Candidates for r."""


def solve(
    problem: Problem, settings: MixedSettings | NoisyOnlySettings, progress: Progress, trusted: bool = True
) -> FittedModel:
    """Solve it on fixed features; without trusted rows it is `noisy-only`. See the module's docstring and `Method`."""
    rows = load_rows(problem, progress, MORE_FOLDS if trusted else FOLDS)
    of_given = learners.fit_given_labels(rows)
    transition, without = learners.paired_transitions(problem, rows, of_given)
    fitted = {r: _head(rows, r, trusted) for r in RIDGES}
    ridge, best, history = best_ridge(fitted, rows.truth.numpy())
    metrics = {"ridge": ridge, "transition": transition.tolist()}
    return posterior_model(problem, best, np.log(transition), history, metrics, [np.log(t) for t in without])


def _head(rows: FitRows, ridge: float, trusted: bool) -> CrossFitted:
    """Logistic regression of the given labels, and of those of trusted rows outside a fold."""

    def fit(use: Codes, _: int | None, start: LinearHead | None) -> LinearHead:
        return rows.fit_plainly(every, use if trusted else use[:0], ridge, start)

    truth, every = rows.truth.numpy(), np.arange(len(rows.given), dtype=np.int64)
    if trusted:
        return cross_fit(fit, rows.folds, rows.clean, truth)
    head = fit(np.zeros(0, dtype=np.int64), None, None)  # no fold of the trusted rows makes a difference
    return calibrated(head, [head] * rows.folds.count, rows.folds, rows.clean, truth)


def train_network(
    problem: Problem, settings: MixedSettings | NoisyOnlySettings, progress: Progress, trusted: bool = True
) -> FittedModel:
    """Take every epoch and step of MLC's published recipe plainly; without trusted rows it is `noisy-only`."""
    training = plain_training(problem, settings, progress)
    training = training if trusted else training.without_teachers()
    split = training.split
    progress.say(f"trusted rows: {len(split.train)} train, {len(split.held_out)} held out")
    classifier = new_classifier(problem)
    trainer = make_trainer(training, classifier, Trainer)

    def warm_up() -> dict[str, Any]:
        learn_given_labels(training, trainer, 0)
        return {}

    course = train(training, trainer, warm_up)
    # The classifier has learned given labels: on trusted rows it has not seen, its prediction is n(y'|x).
    transition = transition_from(problem, says(problem, classifier, "clean"), split)
    return posterior_network(
        problem, split, classifier, transition, history_table(course.history, without=META_COLUMNS)
    )
