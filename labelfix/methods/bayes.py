"""The Bayes posterior: a classifier of the trusted rows alone, and what their noise says of the given label.

P(y | x, y') ∝ f_g(y|x) · T0[y, y']

T0 is what a model of the given labels says of the trusted rows of each class; it has not seen them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.heads import learners
from labelfix.heads.finished_model import posterior_model
from labelfix.heads.folds import MORE_FOLDS
from labelfix.heads.rows import load_rows
from labelfix.heads.trusted_only import fit_trusted_only
from labelfix.networks.finished_model import posterior_network, transition_from
from labelfix.networks.training import META_COLUMNS, history_table, new_classifier, plain_training, says, train_phase
from labelfix.networks.trusted_rows import train_on_trusted
from labelfix.progress import Progress
from labelfix.settings.methods import BayesSettings


def solve(problem: Problem, settings: BayesSettings, progress: Progress) -> FittedModel:
    """Solve it on fixed features; see the module's docstring and `Method`."""
    rows = load_rows(problem, progress, MORE_FOLDS)
    trusted_only = fit_trusted_only(rows)
    transition, without = learners.given_transitions(rows)
    history = pa.table({"out_of_fold_nll": [trusted_only.nll(rows.truth.numpy())]})
    return posterior_model(problem, trusted_only, np.log(transition), history, without=[np.log(t) for t in without])


def train_network(problem: Problem, settings: BayesSettings, progress: Progress) -> FittedModel:
    """Train it end to end; see the module's docstring and `Method`."""
    training = plain_training(problem, settings, progress)
    of_given, classifier = new_classifier(problem), new_classifier(problem)
    first = train_phase(training.without_teachers(), of_given, "given-labels")
    transition = transition_from(problem, says(problem, of_given, "clean"))
    second = train_on_trusted(training, classifier)
    history = history_table(first, second, without=(*META_COLUMNS, "clean_loss"))
    return posterior_network(problem, training.split, classifier, transition, history)
