"""A classifier of the trusted rows alone; its soft labels are P(y | x), blind to the given label.

What every other method has to beat: noisy rows teach it nothing.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from labelfix.correction import members
from labelfix.correction.base import FittedModel, Problem
from labelfix.correction.heads import need_fixed_features, posterior_model
from labelfix.progress import Progress
from labelfix.settings.methods import CleanOnlySettings


def fit(problem: Problem, settings: CleanOnlySettings, progress: Progress) -> FittedModel:
    """Fit it; see the module's docstring.

    Args:
        problem: The data; its inputs are fixed features.
        settings: There are none.
        progress: Told of classes without trusted rows.

    Raises:
        SettingsError: The classifier is not a linear head on fixed features.
    """
    need_fixed_features(problem, "clean-only")
    rows = members.load(problem, progress)
    fitted = members.fit_trusted_only(rows)
    history = pa.table({"out_of_fold_nll": [fitted.nll(rows.truth.numpy())]})
    return posterior_model(problem, fitted, np.zeros((problem.num_classes, problem.num_classes)), history)
