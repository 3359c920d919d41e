"""Linear heads on fixed features as whole models: what the simple methods share.

Legend: M trusted rows, K classes.
"""

from __future__ import annotations

from typing import Any

import torch

from labelfix.correction.base import Problem
from labelfix.correction.folds import CrossFitted
from labelfix.correction.quality import share_with_interval
from labelfix.errors import SettingsError
from labelfix.models.classifier import Classifier
from labelfix.training.linear import LinearHead


def need_fixed_features(problem: Problem, method: str) -> None:
    """Refuse to train a whole network.

    Raises:
        SettingsError: The classifier is not a linear head on fixed features.
    """
    if problem.family != "head":
        raise SettingsError(
            f"method = {method} needs fixed features for now; pass --freeze or a backbone that is computed once, "
            "or --method mlc"
        )


def as_classifier(problem: Problem, head: LinearHead) -> Classifier:
    """A fitted head as the problem's classifier, in evaluation mode."""
    module = problem.new_classifier(torch.Generator().manual_seed(problem.seed))
    with torch.no_grad():
        module.head.weight.copy_(head.weight)
        module.head.bias.copy_(head.bias)
    return module.eval()


def judged(problem: Problem, fitted: CrossFitted) -> dict[str, Any]:
    """How good a head is on the trusted rows, each judged by a head that had not seen it."""
    rows = len(problem.truth)
    hits = int((fitted.held.argmax(axis=1)[:rows] == problem.truth).sum())
    return {
        "out_of_fold_nll": {"classifier": CrossFitted(fitted.full, (), fitted.held[:rows]).nll(problem.truth)},
        "classifier_right": {"judged_on": "trusted rows out of fold"} | share_with_interval(hits, rows),
    }
