"""Fine-tuning: the noisy rows as they are, then the trusted rows at a low learning rate.

What one does without any method, and hard to beat where trusted rows are many. On fixed features the last step is the
logistic regression of the trusted rows with a penalty on the distance from the head of the noisy ones, ‖W − W₀‖² / 2r.
The soft label is the classifier's P(y | x) times T[y, y'], normalised; T is estimated on the trusted rows with the
classifier of the given labels, which has not seen them, and sharpened by pairs.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.heads import learners
from labelfix.heads.finished_model import posterior_model
from labelfix.heads.near_another_head import fit_around
from labelfix.heads.rows import load_rows
from labelfix.networks.finished_model import posterior_network, transition_from
from labelfix.networks.training import META_COLUMNS, history_table, new_classifier, plain_training, says, train_phase
from labelfix.networks.trusted_rows import fine_tune
from labelfix.progress import Progress
from labelfix.settings.methods import FineTuneSettings


def solve(problem: Problem, settings: FineTuneSettings, progress: Progress) -> FittedModel:
    """Solve it on fixed features; see the module's docstring and `Method`."""
    rows = load_rows(problem, progress)
    of_given = learners.fit_given_labels(rows)
    fitted = fit_around(rows, of_given)
    transition, without = learners.paired_transitions(problem, rows, of_given)
    history = pa.table({"out_of_fold_nll": [fitted.nll(rows.truth.numpy())]})
    metrics = {"transition": transition.tolist()}
    return posterior_model(problem, fitted, np.log(transition), history, metrics, [np.log(t) for t in without])


def train_network(problem: Problem, settings: FineTuneSettings, progress: Progress) -> FittedModel:
    """Train it end to end; see the module's docstring and `Method`."""
    training = plain_training(problem, settings, progress)
    classifier = new_classifier(problem)
    first = train_phase(training.without_teachers(), classifier, "given-labels")
    transition = transition_from(problem, says(problem, classifier, "clean"))
    second = fine_tune(training, classifier)
    history = history_table(first, second, without=META_COLUMNS)
    return posterior_network(problem, training.split, classifier, transition, history)
