"""The methods by name."""

from __future__ import annotations

from labelfix.correction.base import Method
from labelfix.methods import (
    bayes,
    clean_only,
    confident_learning,
    distillation,
    finetune,
    forward,
    glc,
    joint_optimization,
    l2rw,
    meta_weight_net,
    mixed,
    mlnt,
)
from labelfix.methods.mlc import recipes

METHODS: dict[str, Method] = {
    "mlc": recipes.fit,
    "glc": glc.fit,
    "bayes": bayes.fit,
    "clean-only": clean_only.fit,
    "noisy-only": mixed.fit_noisy_only,
    "mixed": mixed.fit,
    "finetune": finetune.fit,
    "distillation": distillation.fit,
    "forward": forward.fit,
    "joint-optimization": joint_optimization.fit,
    "mlnt": mlnt.fit,
    "l2rw": l2rw.fit,
    "meta-weight-net": meta_weight_net.fit,
    "confident-learning": confident_learning.fit,
}
"""Method name → what fits it. Settings of the same name: `labelfix.settings.methods.METHOD_SETTINGS`."""
