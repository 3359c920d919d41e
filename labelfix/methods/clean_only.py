"""A classifier of the trusted rows alone; its soft labels are P(y | x), blind to the given label.

What every other method has to beat: noisy rows teach it nothing. End to end it takes as many steps as the others, the
trusted rows coming again and again.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.heads.finished_model import posterior_model
from labelfix.heads.folds import MORE_FOLDS
from labelfix.heads.rows import load_rows
from labelfix.heads.trusted_only import fit_trusted_only
from labelfix.networks.finished_model import posterior_network
from labelfix.networks.training import META_COLUMNS, history_table, new_classifier, plain_training
from labelfix.networks.trusted_rows import train_on_trusted
from labelfix.progress import Progress
from labelfix.settings.methods import CleanOnlySettings


def solve(problem: Problem, settings: CleanOnlySettings, progress: Progress) -> FittedModel:
    """Solve it on fixed features; see the module's docstring and `Method`."""
    rows = load_rows(problem, progress, MORE_FOLDS)
    fitted = fit_trusted_only(rows)
    table = pa.table({"out_of_fold_nll": [fitted.nll(rows.truth.numpy())]})
    return posterior_model(problem, fitted, np.zeros((problem.num_classes, problem.num_classes)), table)


def train_network(problem: Problem, settings: CleanOnlySettings, progress: Progress) -> FittedModel:
    """Train it end to end; see the module's docstring and `Method`."""
    training = plain_training(problem, settings, progress)
    classifier = new_classifier(problem)
    history = train_on_trusted(training, classifier)
    table = history_table(history, without=(*META_COLUMNS, "clean_loss"))
    return posterior_network(problem, training.split, classifier, None, table)
