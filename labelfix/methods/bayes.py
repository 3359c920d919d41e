"""The Bayes posterior: a classifier of the trusted rows alone, and what their noise says of the given label.

P(y | x, y') ∝ f_g(y|x) · T0[y, y']
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from labelfix.correction import members
from labelfix.correction.base import FittedModel, Problem
from labelfix.correction.heads import as_classifier, judged, need_fixed_features
from labelfix.correction.posterior import PosteriorCorrector
from labelfix.correction.threshold import choose_threshold
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
    return FittedModel(
        classifier=as_classifier(problem, trusted_only.full),
        temperature=1.0,
        corrector=PosteriorCorrector(np.log(transition), 1.0, 1.0),
        history=pa.table({"out_of_fold_nll": [trusted_only.nll(rows.truth.numpy())]}),
        min_confidence=choose_threshold(len(problem.truth)),
        metrics=judged(problem, trusted_only),
    )
