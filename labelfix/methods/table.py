"""The methods by name."""

from __future__ import annotations

from functools import partial
from typing import Any

from labelfix.correctors.contract import FittedModel, Method, Problem
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
from labelfix.methods.mlc import anchored, paper, published
from labelfix.progress import Progress
from labelfix.settings.mlc import MlcSettings, Recipe


def by_family(on_features: Method, end_to_end: Method) -> Method:
    """A method that is a convex problem on fixed features, and trains a network otherwise."""

    def fitted(problem: Problem, settings: Any, progress: Progress) -> FittedModel:  # noqa: ANN401 - as in `Method`
        return (on_features if problem.family == "head" else end_to_end)(problem, settings, progress)

    return fitted


RECIPES: dict[Recipe, Method] = {
    "anchored": anchored.solve,
    "paper": paper.train_network,
    "published": published.train_network,
}


def by_recipe(problem: Problem, settings: MlcSettings, progress: Progress) -> FittedModel:
    """Meta Label Correction by the recipe that the settings name.

    Raises:
        SettingsError: The recipe does not suit what is trained.
        TrainingError: A loss that is not a number, or a collapsed label correction network.
    """
    recipe = settings.recipe_for(problem.family)
    progress.say(f"recipe: {recipe}")
    return RECIPES[recipe](problem, settings, progress)


METHODS: dict[str, Method] = {
    "mlc": by_recipe,
    "glc": by_family(glc.solve, glc.train_network),
    "bayes": by_family(bayes.solve, bayes.train_network),
    "clean-only": by_family(clean_only.solve, clean_only.train_network),
    "noisy-only": by_family(partial(mixed.solve, trusted=False), partial(mixed.train_network, trusted=False)),
    "mixed": by_family(mixed.solve, mixed.train_network),
    "finetune": by_family(finetune.solve, finetune.train_network),
    "distillation": by_family(distillation.solve, distillation.train_network),
    "forward": by_family(forward.solve, forward.train_network),
    "joint-optimization": joint_optimization.train_network,
    "mlnt": mlnt.train_network,
    "l2rw": l2rw.train_network,
    "meta-weight-net": meta_weight_net.train_network,
    "confident-learning": by_family(confident_learning.solve, confident_learning.train_network),
}
"""Method name → what fits it. Settings of the same name: `labelfix.settings.methods.METHOD_SETTINGS`."""
