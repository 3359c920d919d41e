"""Meta Label Correction: which recipe runs."""

from __future__ import annotations

from labelfix.correction.base import FittedModel, Problem
from labelfix.errors import SettingsError
from labelfix.methods.mlc import anchored, paper
from labelfix.progress import Progress
from labelfix.settings.methods import MlcSettings


def fit(problem: Problem, settings: MlcSettings, progress: Progress) -> FittedModel:
    """Fit the recipe that the settings name, or the one that suits what is trained.

    Args:
        problem: The data.
        settings: The method's settings.
        progress: Told what happens.

    Raises:
        SettingsError: The anchored recipe for a classifier that is not a linear head on fixed features.
        TrainingError: A loss that is not a number.
    """
    recipe = settings.recipe or ("anchored" if problem.family == "head" else "paper")
    progress.say(f"recipe: {recipe}")
    if recipe == "paper":
        return paper.fit(problem, settings, progress)
    if problem.family != "head":
        raise SettingsError(
            "recipe = anchored needs a linear head on fixed features; "
            "pass --freeze or a backbone that is computed once, or --set recipe=paper"
        )
    return anchored.fit(problem, settings, progress)
