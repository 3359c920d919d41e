"""The Bayes posterior: a classifier of the trusted rows alone, and what their noise says of the given label.

P(y | x, y') ∝ f_g(y|x) · T0[y, y']
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from labelfix.correction import members
from labelfix.correction.base import FittedModel, Problem
from labelfix.correction.heads import need_fixed_features, posterior_model
from labelfix.progress import Progress
from labelfix.settings.methods import BayesSettings


def fit(problem: Problem, settings: BayesSettings, progress: Progress) -> FittedModel:
    """Fit it; see the module's docstring.

    Args:
        problem: The data; its inputs are fixed features.
        settings: There are none.
        progress: Told of classes without trusted rows.

    Raises:
        SettingsError: The classifier is not a linear head on fixed features.
    """
    need_fixed_features(problem, "bayes")
    rows = members.load(problem, progress)
    trusted_only = members.fit_trusted_only(rows)
    transition, _ = members.transitions(rows, members.fit_given_labels(rows))
    history = pa.table({"out_of_fold_nll": [trusted_only.nll(rows.truth.numpy())]})
    return posterior_model(problem, trusted_only, np.log(transition), history)
