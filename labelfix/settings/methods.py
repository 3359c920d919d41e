"""Every method's settings: one dataclass a method, one docstring a field."""

from __future__ import annotations

from labelfix.settings.baselines import (
    BayesSettings,
    CleanOnlySettings,
    ConfidentLearningSettings,
    DistillationSettings,
    FineTuneSettings,
    ForwardSettings,
    GlcSettings,
    JointOptimizationSettings,
    MixedSettings,
    NoisyOnlySettings,
)
from labelfix.settings.lookaheads import L2rwSettings, MetaWeightNetSettings, MlntSettings
from labelfix.settings.mlc import MlcSettings
from labelfix.settings.networks import FineTuningSettings, MethodSettings, NetworkSettings

__all__ = [
    "METHOD_SETTINGS",
    "BayesSettings",
    "CleanOnlySettings",
    "ConfidentLearningSettings",
    "DistillationSettings",
    "FineTuneSettings",
    "FineTuningSettings",
    "ForwardSettings",
    "GlcSettings",
    "JointOptimizationSettings",
    "L2rwSettings",
    "MetaWeightNetSettings",
    "MethodSettings",
    "MixedSettings",
    "MlcSettings",
    "MlntSettings",
    "NetworkSettings",
    "NoisyOnlySettings",
]

METHOD_SETTINGS: dict[str, type[MethodSettings]] = {
    "mlc": MlcSettings,
    "glc": GlcSettings,
    "bayes": BayesSettings,
    "clean-only": CleanOnlySettings,
    "noisy-only": NoisyOnlySettings,
    "mixed": MixedSettings,
    "finetune": FineTuneSettings,
    "distillation": DistillationSettings,
    "forward": ForwardSettings,
    "joint-optimization": JointOptimizationSettings,
    "mlnt": MlntSettings,
    "l2rw": L2rwSettings,
    "meta-weight-net": MetaWeightNetSettings,
    "confident-learning": ConfidentLearningSettings,
}
"""Method name → its settings class."""
