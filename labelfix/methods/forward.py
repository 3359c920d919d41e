"""Forward correction: the likelihood of the given labels through a matrix that noisy rows alone reveal.

    n(y'|x) of the noisy rows → T̂[c] = n(·|x̄_c), x̄_c the row most surely of class c
      → f = argmin −Σ_noisy log Σ_y f(y|x) T̂[y, y']

The surest row of a class is taken to be of that class (an anchor point); the 3 % of rows beyond the 97th percentile of
n(c|x) are passed over as outliers. Trusted rows teach nothing: they set the temperature and judge. With `then_finetune`
the classifier goes on with the trusted rows at a low learning rate, which is a strong plain way to use both.

Source: Patrini, Rozza, Menon, Nock and Qu, "Making Deep Neural Networks Robust to Label Noise: a Loss Correction
Approach", CVPR 2017. The soft label is the posterior f(x)·T̂[·, y'], which the paper does not make. The second network
starts from the same weights as the first did. On fixed features both fits are convex and are solved.

Legend: N noisy rows, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes
from labelfix.heads import learners
from labelfix.heads.finished_model import posterior_model
from labelfix.heads.folds import calibrated, cut_folds
from labelfix.heads.near_another_head import fit_around
from labelfix.heads.rows import FitRows, load_rows
from labelfix.networks.finished_model import posterior_network
from labelfix.networks.soft_target_trainers import TransitionTrainer
from labelfix.networks.training import META_COLUMNS, history_table, new_classifier, plain_training, says, train_phase
from labelfix.networks.trusted_rows import fine_tune
from labelfix.numerics.head_losses import forward_likelihood
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.transition import normalised
from labelfix.progress import Progress
from labelfix.settings.methods import ForwardSettings

RIDGES = (1.0, 8.0)
"""Candidates for r, chosen by the likelihood of given labels that were kept out."""


def anchored_transition(said: npt.NDArray[np.floating], percentile: float | None) -> Floats:
    """T̂ from the predictions of a model of given labels at anchor points.

    Args:
        said: `(N, K)` n(y'|x) of the noisy rows.
        percentile: Rows whose n(c|x) is at or above this percentile are passed over, for each class c; None for none.

    Returns:
        `(K, K)`, rows sum to 1.
    """
    rows = []
    for code in range(said.shape[1]):
        score = said[:, code]
        if percentile is not None:
            below = score < np.percentile(score, percentile, method="higher")
            score = np.where(below, score, -1.0) if below.any() else score
        rows.append(said[int(score.argmax())])
    return normalised(np.stack(rows).astype(np.float64))


def solve(problem: Problem, settings: ForwardSettings, progress: Progress) -> FittedModel:
    """Solve it on fixed features; see the module's docstring and `Method`."""
    rows = load_rows(problem, progress)
    of_given = learners.fit_given_labels(rows)
    transition = anchored_transition(of_given.log_probabilities(rows.noisy).exp().numpy(), _percentile(settings))
    matrix = torch.from_numpy(transition).float()
    loss, ridge = min((_kept_out_loss(rows, matrix, r, of_given), r) for r in RIDGES)
    every = np.arange(len(rows.given), dtype=np.int64)
    head = _fit(rows, matrix, every, ridge, of_given)
    if settings.then_finetune:
        fitted = fit_around(rows, head)
    else:
        fitted = calibrated(head, [head] * rows.folds.count, rows.folds, rows.clean, rows.truth.numpy())
    history = history_table([{"ridge": ridge, "kept_out_loss": loss}])
    metrics = {"ridge": ridge, "transition": transition.tolist()}
    return posterior_model(problem, fitted, np.log(transition), history, metrics)


def _fit(rows: FitRows, matrix: torch.Tensor, use: Codes, ridge: float, start: LinearHead) -> LinearHead:
    """A head on the given labels of some noisy rows, through T̂."""
    weights = torch.zeros(len(rows.features))
    weights[torch.from_numpy(use)] = 1
    labels = torch.cat([rows.given, rows.truth])  # trusted rows weigh nothing
    return rows.fit(forward_likelihood(matrix, labels, weights), ridge, start)


def _kept_out_loss(rows: FitRows, matrix: torch.Tensor, ridge: float, start: LinearHead) -> float:
    """Mean −log P(y' | x) of a fifth of the noisy rows by a head of the others."""
    folds = cut_folds(rows.given.numpy(), rows.seed, 5)
    head = _fit(rows, matrix, folds.outside(0), ridge, start)
    inside = torch.from_numpy(folds.inside(0))
    said = (head.log_probabilities(rows.noisy[inside]).exp() * matrix[:, rows.given[inside]].T).sum(dim=1)
    return float(-said.clamp_min(1e-12).log().mean())


def train_network(problem: Problem, settings: ForwardSettings, progress: Progress) -> FittedModel:
    """Train it end to end; see the module's docstring and `Method`."""
    training = plain_training(problem, settings, progress)
    alone = training.without_teachers()
    of_given, classifier = new_classifier(problem), new_classifier(problem)
    phases = [train_phase(alone, of_given, "given-labels")]
    transition = anchored_transition(says(problem, of_given, "noisy"), _percentile(settings))
    log_transition = torch.from_numpy(np.log(transition)).float().to(problem.device)
    phases.append(
        train_phase(alone, classifier, "through-the-matrix", TransitionTrainer, log_transition=log_transition)
    )
    if settings.then_finetune:
        phases.append(fine_tune(training, classifier))
    history = history_table(*phases, without=META_COLUMNS)
    return posterior_network(problem, training.split, classifier, lambda _: transition, history)


def _percentile(settings: ForwardSettings) -> float | None:
    return settings.percentile if settings.filter_outlier else None
