"""Training on trusted rows alone: a new network, or fine-tuning of one that has learned the noisy rows.

An epoch repeats the trusted rows until it has as many steps as an epoch over the noisy rows, and the learning rate
follows the same schedule.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labelfix.models.classifier import Classifier
from labelfix.models.features import select
from labelfix.networks.plan import Training
from labelfix.networks.state import History
from labelfix.networks.training import train_phase
from labelfix.settings.methods import FineTuningSettings


def train_on_trusted(training: Training, classifier: Classifier, name: str = "trusted-rows") -> History:
    """Train a classifier on the trusted rows that teach."""
    problem, teaching = training.problem, training.split.train
    rows = np.resize(teaching, max(len(problem.noisy), len(teaching)))
    trusted = replace(problem, noisy=select(problem.clean, rows), given=problem.truth[rows])
    return train_phase(replace(training.without_teachers(), problem=trusted), classifier, name)


def fine_tune(training: Training, classifier: Classifier) -> History:
    """Fine-tune on the trusted rows at a low learning rate; see `train_on_trusted`."""
    plan, settings = training.plan, training.settings
    assert isinstance(settings, FineTuningSettings)
    epochs = settings.fine_tuning_epochs or max(1, round(plan.epochs * FINE_TUNING_SHARE))
    low = replace(plan, epochs=epochs, learning_rate=plan.learning_rate * settings.fine_tuning_rate)
    if settings.head_learning_rate is not None:
        settings = replace(settings, head_learning_rate=settings.head_learning_rate * settings.fine_tuning_rate)
    return train_on_trusted(replace(training, plan=low, settings=settings), classifier, "fine-tuning")


FINE_TUNING_SHARE = 0.2
"""Epochs of fine-tuning per epoch of training."""
