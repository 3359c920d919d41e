"""Training on trusted rows alone: a network of its own, or the last touch to one that learned noisy rows.

An epoch has as many rows as one over the noisy rows, trusted rows coming again and again, so that both take the same
number of steps; the learning rate falls over them in the same way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labelfix.correctors.contract import Problem
from labelfix.data.split import CleanSplit
from labelfix.models.classifier import Classifier
from labelfix.models.features import select
from labelfix.networks.plan import TrainingPlan
from labelfix.networks.state import History
from labelfix.networks.training import train_phase, without_teachers
from labelfix.progress import Progress
from labelfix.settings.methods import FineTuningSettings, NetworkSettings


def train_on_trusted(
    problem: Problem,
    plan: TrainingPlan,
    settings: NetworkSettings,
    split: CleanSplit,
    classifier: Classifier,
    progress: Progress,
    name: str = "trusted-rows",
) -> History:
    """Train a classifier on the trusted rows that teach.

    Args:
        split: Its `train` rows teach.
        classifier: Trained from where it stands.

    Raises:
        TrainingError: A loss that is not a number.
    """
    rows = np.resize(split.train, max(len(problem.noisy), len(split.train)))
    trusted = replace(problem, noisy=select(problem.clean, rows), given=problem.truth[rows])
    return train_phase(trusted, plan, settings, without_teachers(split), classifier, progress, name)


def fine_tune(
    problem: Problem,
    plan: TrainingPlan,
    settings: FineTuningSettings,
    split: CleanSplit,
    classifier: Classifier,
    progress: Progress,
) -> History:
    """Go on with the trusted rows at a low learning rate; see `train_on_trusted`."""
    epochs = settings.fine_tuning_epochs or max(1, round(plan.epochs * FINE_TUNING_SHARE))
    low = replace(plan, epochs=epochs, learning_rate=plan.learning_rate * settings.fine_tuning_rate)
    if settings.head_learning_rate is not None:
        settings = replace(settings, head_learning_rate=settings.head_learning_rate * settings.fine_tuning_rate)
    return train_on_trusted(problem, low, settings, split, classifier, progress, "fine-tuning")


FINE_TUNING_SHARE = 0.2
"""Epochs of fine-tuning for each of training."""
