"""Meta Label Correction: which recipe runs."""

from __future__ import annotations

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.methods.mlc import anchored, paper, published
from labelfix.progress import Progress
from labelfix.settings.methods import MlcSettings


def run_recipe(problem: Problem, settings: MlcSettings, progress: Progress) -> FittedModel:
    """Fit the recipe that the settings name, or the default.

    Raises:
        SettingsError: The default recipe, for a network that is trained as a whole.
        TrainingError: A loss that is not a number, or a collapsed label correction network.
    """
    recipe = settings.recipe_for(problem.family)
    progress.say(f"recipe: {recipe}")
    if recipe == "paper":
        return paper.train_network(problem, settings, progress)
    if recipe == "published":
        return published.train_network(problem, settings, progress)
    return anchored.solve(problem, settings, progress)
