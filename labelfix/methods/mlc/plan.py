"""The hyper-parameters of one MLC run with every automatic choice made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfix.correction.base import Family, Problem
from labelfix.settings.methods import MlcSettings
from labelfix.training.loop import OptimizerName


@dataclass(frozen=True)
class Plan:
    """What `MlcSettings` leaves open, decided; see there for the meaning of the fields."""

    epochs: int
    batch_size: int
    clean_batch_size: int
    optimizer: OptimizerName
    learning_rate: float
    weight_decay: float
    warmup_epochs: int
    lcn_hidden: int
    lcn_learning_rate: float = 3e-4


DEFAULTS: dict[Family, Plan] = {
    "head": Plan(60, 64, 32, "sgd", 0.3, 1e-5, 3, 128),
    "network": Plan(60, 64, 32, "sgd", 0.05, 5e-4, 3, 128),
    "image": Plan(10, 100, 16, "sgd", 0.1, 5e-4, 1, 128),
    "text": Plan(3, 16, 8, "adamw", 2e-5, 0.01, 1, 768),
}
"""What suits each family; the published code's values where it has any (images)."""


def make_plan(problem: Problem, settings: MlcSettings) -> Plan:
    """Fill in what the settings leave open."""
    default = DEFAULTS[problem.family]
    rate = default.learning_rate
    if problem.family == "head":
        rate /= mean_squared_norm(problem)
    lcn_rate = default.lcn_learning_rate
    if settings.warmup_epochs == 0 and problem.family in ("head", "network"):
        lcn_rate = 1e-3
    chosen = {
        name: getattr(default, name) if getattr(settings, name) is None else getattr(settings, name)
        for name in Plan.__dataclass_fields__
        if not name.endswith("learning_rate")
    }
    return Plan(
        learning_rate=settings.learning_rate or rate,
        lcn_learning_rate=settings.lcn_learning_rate or lcn_rate,
        **chosen,
    )


def mean_squared_norm(problem: Problem, sample: int = 2048) -> float:
    """The mean of ‖h(x)‖² over the first noisy rows: the curvature of a softmax-linear loss grows with it."""
    features = problem.noisy.batch(np.arange(min(sample, len(problem.noisy)), dtype=np.int64))
    return max(float(features.pow(2).sum(dim=1).mean()), 1e-6)
