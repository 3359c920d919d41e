"""L2RW, learning to reweight examples: rows count as far as their gradients agree with that of trusted rows.

    u_i = max(0, ⟨g, ∇L_i(w)⟩),  g = ∇L_trusted(w)     how much a small step on row i alone helps the trusted rows
    ω_i = u_i / Σ u                                     0 where all are 0
    w ← the optimiser's step on Σ_i ω_i L_i

Source: Ren, Zeng, Yang and Urtasun, "Learning to Reweight Examples for Robust Deep Learning", ICML 2018, and its
published code. The paper derives u from the loss after a step on Σ ε_i L_i, differentiated at ε = 0; that is the dot
product above, and one derivative of the rows' losses along g gives all of them. Departures:

* no double backward, and one forward pass of the noisy rows for the dot products and the step (`derivative`);
* BatchNorm's running statistics are left alone by every pass but that one;
* the schedule is that of the other methods.

The method keeps no weights. For the soft label they are taken once more at the end, from the head's gradients alone:
∇L_i = (p_i − e_y') ⊗ [h_i; 1], so that G, the trusted rows' gradient of the head's weights, tells the weight of any row
(correction/mixture.py).

Legend: B rows of a batch, M trusted rows, D features, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from labelfix.correction.base import FittedModel, Problem
from labelfix.correction.mixture import AgreementWeigher
from labelfix.correction.network import softmax
from labelfix.data.split import CleanSplit, split_clean
from labelfix.data.tables import Codes
from labelfix.methods.networks.mixture_model import mixture_network
from labelfix.methods.networks.plan import make_plan
from labelfix.methods.networks.reweighting import ReweightingTrainer
from labelfix.methods.networks.trainer import Labelled, StepFigures
from labelfix.methods.networks.training import make_trainer, new_classifier, train
from labelfix.models.classifier import Classifier
from labelfix.progress import Progress
from labelfix.ranks import ranks
from labelfix.settings.methods import L2rwSettings
from labelfix.training.loop import outputs


@dataclass(kw_only=True)
class L2rwTrainer(ReweightingTrainer):
    """Weighs the rows of every step anew."""

    def step(
        self, noisy: Labelled, clean: Labelled | None, meta: Labelled | None, watch: bool = True, last: bool = False
    ) -> StepFigures | None:
        """Weigh the noisy rows by the meta rows, and update w."""
        assert meta is not None
        rows = self.forward_rows(noisy, clean)
        meta_loss, meta_gradient = self.clean_gradient(meta)
        direction = meta_gradient if not watch else type(meta_gradient).of(meta_gradient.parts)
        weights = shares(self.losses_along(rows, direction))
        self.apply(self.weighted_gradient(rows, weights, total=1, last=True))
        self.steps += 1
        # For the history weights are relative to equal ones, as 1/B says nothing.
        return self.weighted_figures(rows, weights * noisy.rows, noisy.rows, meta_loss, meta_gradient) if watch else None


def shares(agreement: Tensor) -> Tensor:
    """`(B,)` ω of rows with `(B,)` dot products: their positive parts over the sum of these, over all processes."""
    positive = agreement.clamp_min(0)
    total = positive.sum()
    ranks().add_up([total])
    return torch.where(total > 0, positive / total, torch.zeros_like(positive))


def fit(problem: Problem, settings: L2rwSettings, progress: Progress) -> FittedModel:
    """Train the classifier on reweighted rows; see the module's docstring.

    Args:
        problem: The data.
        settings: The method's settings.
        progress: Told of every epoch.

    Raises:
        TrainingError: A loss that is not a number.
    """
    plan = make_plan(problem, settings)
    split = split_clean(problem.truth, problem.num_classes, settings.held_out, problem.seed)
    judging = np.sort(np.concatenate([split.train, split.meta]))
    split = CleanSplit(judging[:0], judging, split.held_out)
    progress.say(split.describe())
    classifier = new_classifier(problem)
    trainer = make_trainer(
        problem, plan, settings, classifier, progress, L2rwTrainer, derivative=settings.derivative
    )
    course = train(problem, plan, settings, split, trainer, progress)
    weigher = AgreementWeigher(trusted_gradient(problem, classifier, judging))
    return mixture_network(problem, split, classifier, weigher, course.history)


def trusted_gradient(problem: Problem, classifier: Classifier, rows: Codes) -> np.ndarray:
    """`(K, D + 1)` G = mean of (p − e_y) ⊗ [h; 1] over some trusted rows, in evaluation mode."""
    logits, hidden = outputs(classifier, problem.clean, rows, problem.device)
    slope = softmax(logits.astype(np.float64)).astype(np.float64)
    slope[np.arange(len(rows)), problem.truth[rows]] -= 1
    return np.asarray(slope.T @ np.hstack([hidden, np.ones((len(rows), 1))]) / len(rows))
