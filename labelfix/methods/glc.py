"""Gold loss correction on fixed features: the likelihood of the given labels through T0, with trusted rows.

    f_g, n(y'|x) → T0 → f = argmin −Σ_noisy log Σ_y f(y|x) T0[y, y'] + ω Σ_trusted −log f(y|x) + ‖W‖² / 2r

Source: Hendrycks, Mazeika, Wilson and Gimpel, "Using Trusted Data to Train Deep Networks on Labels Corrupted by Severe
Noise", NeurIPS 2018. Departures: ω makes the trusted rows a fifth of the loss instead of counting each row once, T0 is
shrunk (`expected_transition`), the convex problem is solved instead of trained for some epochs, and the soft label is
the posterior f(x)·T0[·, y'], which the paper does not make.
"""

from __future__ import annotations

import numpy as np

from labelfix.correction import members
from labelfix.correction.base import FittedModel, Problem
from labelfix.correction.heads import best_ridge, need_fixed_features, posterior_model
from labelfix.progress import Progress
from labelfix.settings.methods import GlcSettings

RIDGES = (1.0, 8.0)
"""Candidates for r."""


def fit(problem: Problem, settings: GlcSettings, progress: Progress) -> FittedModel:
    """Fit it; see the module's docstring.

    Args:
        problem: The data; its inputs are fixed features.
        settings: The method's settings.
        progress: Told of classes without trusted rows.

    Raises:
        SettingsError: The classifier is not a linear head on fixed features.
    """
    need_fixed_features(problem, "glc")
    rows = members.load(problem, progress)
    begin = members.fit_trusted_only(rows)
    transition, without = members.transitions(rows, members.fit_given_labels(rows))
    ridges = RIDGES if settings.ridge is None else (settings.ridge,)
    fitted = {r: members.fit_glc(rows, transition, without, r, begin) for r in ridges}
    ridge, history = best_ridge(fitted, rows.truth.numpy())
    return posterior_model(problem, fitted[ridge], np.log(transition), history, {"ridge": ridge})
