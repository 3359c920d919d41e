"""Meta Label Correction: which recipe runs."""

from __future__ import annotations

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.methods.mlc import anchored, online, paper, published
from labelfix.progress import Progress
from labelfix.settings.methods import MlcSettings


def run_recipe(problem: Problem, settings: MlcSettings, progress: Progress) -> FittedModel:
    """Fit the recipe that the settings name, or the one that suits what is trained.

    Raises:
        TrainingError: A loss that is not a number, or a collapsed label correction network.
    """
    recipe = settings.recipe_for(problem.family)
    progress.say(f"recipe: {recipe}")
    if recipe == "paper":
        return paper.train_network(problem, settings, progress)
    if recipe == "published":
        return published.train_network(problem, settings, progress)
    if problem.family == "head":
        return anchored.solve(problem, settings, progress)
    return online.train_network(problem, settings, progress)
