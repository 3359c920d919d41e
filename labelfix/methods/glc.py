"""Gold loss correction: the likelihood of the given labels through a matrix that trusted rows reveal.

    n(y'|x) of the noisy rows → Ĉ = its mean over the trusted rows of each class
      → f = argmin −Σ_noisy log Σ_y f(y|x) Ĉ[y, y'] + Σ_trusted −log f(y|x)

Source: Hendrycks, Mazeika, Wilson and Gimpel, "Using Trusted Data to Train Deep Networks on Labels Corrupted by Severe
Noise", NeurIPS 2018. Departures: Ĉ is shrunk by one row's worth of prior (`expected_transition`), end to end pairs
sharpen it where there are any, trusted rows weigh more than one noisy row each, and the soft label is the posterior
f(x)·Ĉ[·, y'], which the paper does not make. On fixed features the convex problem is solved, with trusted rows a fifth
of the loss. End to end both phases start from the same weights, and noisy and trusted rows of a step go through the
network in one pass: the published code gives BatchNorm two or three trusted rows at a time.
"""

from __future__ import annotations

import numpy as np
import torch

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.heads import learners
from labelfix.heads.finished_model import best_ridge, posterior_model
from labelfix.heads.rows import load_rows
from labelfix.networks.finished_model import posterior_network, teaching, transition_from
from labelfix.networks.soft_target_trainers import TransitionTrainer
from labelfix.networks.training import META_COLUMNS, history_table, new_classifier, plain_training, says, train_phase
from labelfix.progress import Progress
from labelfix.settings.methods import GlcSettings


def solve(problem: Problem, settings: GlcSettings, progress: Progress) -> FittedModel:
    """Solve it on fixed features; see the module's docstring and `Method`."""
    rows = load_rows(problem, progress)
    transition, without = learners.given_transitions(rows)
    ridges = learners.ridges(rows.num_classes) if settings.ridge is None else (settings.ridge,)
    fitted = {r: learners.fit_glc(rows, r) for r in ridges}
    ridge, best, history = best_ridge(fitted, rows.truth.numpy())
    return posterior_model(problem, best, np.log(transition), history, {"ridge": ridge}, [np.log(t) for t in without])


def train_network(problem: Problem, settings: GlcSettings, progress: Progress) -> FittedModel:
    """Train it end to end; see the module's docstring and `Method`."""
    training = plain_training(problem, settings, progress)
    of_given, classifier = new_classifier(problem), new_classifier(problem)
    first = train_phase(training.without_teachers(), of_given, "given-labels")
    transition = transition_from(problem, says(problem, of_given, "clean"))
    log_transition = torch.from_numpy(np.log(transition(teaching(problem, training.split)))).float().to(problem.device)
    more = {"log_transition": log_transition, "together": True}
    second = train_phase(training, classifier, "through-the-matrix", TransitionTrainer, **more)
    history = history_table(first, second, without=META_COLUMNS)
    return posterior_network(problem, training.split, classifier, transition, history)
