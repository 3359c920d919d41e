"""The hyper-parameters of one MLC run with every automatic choice made."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from labelfix.correctors.contract import Problem
from labelfix.networks.plan import Training, TrainingPlan, make_plan
from labelfix.settings.methods import MlcSettings
from labelfix.settings.networks import Family

HIDDEN: dict[Family, int] = {"head": 128, "network": 128, "image": 128, "text": 768}
"""Hidden units of the label correction network; the published code's value where it has one (images)."""

LCN_LEARNING_RATE, LCN_LEARNING_RATE_COLD = 3e-4, 1e-3
"""As published, and for heads and small networks without a warm-up."""


@dataclass(frozen=True)
class MlcPlan(TrainingPlan):
    """What `MlcSettings` leaves open, decided; see there for the meaning of the fields."""

    lcn_hidden: int
    lcn_learning_rate: float


@dataclass(frozen=True)
class MlcTraining(Training):
    """What a training by MLC goes by."""

    plan: MlcPlan
    settings: MlcSettings


def make_mlc_plan(problem: Problem, settings: MlcSettings) -> MlcPlan:
    """Fill in what the settings leave open."""
    cold = settings.warmup_epochs == 0 and problem.family in ("head", "network")
    return MlcPlan(
        **asdict(make_plan(problem, settings)),
        lcn_hidden=settings.lcn_hidden or HIDDEN[problem.family],
        lcn_learning_rate=settings.lcn_learning_rate or (LCN_LEARNING_RATE_COLD if cold else LCN_LEARNING_RATE),
    )
