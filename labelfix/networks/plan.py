"""The inputs of one training: its rows, and its hyper-parameters with every automatic choice made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from labelfix.correctors.contract import Problem
from labelfix.data.split import CleanSplit
from labelfix.networks.loop import OptimizerName
from labelfix.progress import Progress
from labelfix.settings.methods import NetworkSettings
from labelfix.settings.networks import Family


@dataclass(frozen=True)
class TrainingPlan:
    """What `NetworkSettings` leaves open, decided; see there for the meaning of the fields."""

    epochs: int
    batch_size: int
    clean_batch_size: int
    optimizer: OptimizerName
    learning_rate: float
    weight_decay: float
    warmup_epochs: int


@dataclass(frozen=True)
class Training:
    """The inputs of one training."""

    problem: Problem
    plan: TrainingPlan
    settings: NetworkSettings
    split: CleanSplit
    progress: Progress

    def without_teachers(self) -> Training:
        """The same with no trusted rows in training."""
        nobody = self.split.train[:0]
        return replace(self, split=replace(self.split, train=nobody, meta=nobody))


DEFAULTS: dict[Family, TrainingPlan] = {
    "head": TrainingPlan(60, 64, 32, "sgd", 0.3, 1e-5, 3),
    "network": TrainingPlan(60, 64, 32, "sgd", 0.05, 5e-4, 3),
    "image": TrainingPlan(10, 100, 16, "sgd", 0.1, 5e-4, 1),
    "text": TrainingPlan(3, 16, 8, "adamw", 2e-5, 0.01, 1),
}
"""What suits each family; the values of MLC's published code where it has any (images)."""


def make_plan(problem: Problem, settings: NetworkSettings) -> TrainingPlan:
    """Fill in what the settings leave open; a field that they do not have takes its default."""
    default = DEFAULTS[problem.family]
    chosen = {name: getattr(settings, name, None) for name in TrainingPlan.__dataclass_fields__}
    filled = {name: getattr(default, name) if value is None else value for name, value in chosen.items()}
    if chosen["learning_rate"] is None and problem.family == "head":
        filled["learning_rate"] /= mean_squared_norm(problem)
    return TrainingPlan(**filled)


def mean_squared_norm(problem: Problem) -> float:
    """The mean of ‖h(x)‖² over the first noisy rows: the curvature of a softmax-linear loss grows with it."""
    features = problem.noisy.batch(np.arange(min(2048, len(problem.noisy)), dtype=np.int64))
    return max(float(features.pow(2).sum(dim=1).mean()), 1e-6)
