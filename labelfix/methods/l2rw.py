"""Learning to reweight: noisy rows count by how far their gradient goes the way of the trusted rows'.

    u_i = max(0, ⟨∇L_trusted(w), ∇L_i(w)⟩),   ω_i = u_i / Σ u,   w ← the optimiser's step on Σ_i ω_i L_i

It is the gradient with respect to row weights that all begin at zero, of the trusted rows' loss after one step; where
no row agrees with them the step is empty. The weights are forgotten after their step.

Source: Ren, Zeng, Yang and Urtasun, "Learning to Reweight Examples for Robust Deep Learning", ICML 2018. Departures:
all dot products come from one more forward pass (`derivative`), without a double backward; BatchNorm's running
statistics are left alone by every pass but the step's own.

The soft label mixes the given label with P(y | x) by the same agreement, taken at the end for the head's weights alone:
there ∇L_i = (p_i − e_y') ⊗ [h_i; 1] is known without a further pass (correctors/mixture.py).

Legend: B rows of a batch, K classes, D features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from labelfix.compute.ranks import ranks
from labelfix.correctors.contract import FittedModel, Problem
from labelfix.correctors.mixture import AgreementWeigher
from labelfix.data.split import CleanSplit
from labelfix.models.classifier import Classifier
from labelfix.networks.finished_model import mixture_network
from labelfix.networks.loop import network_outputs
from labelfix.networks.reweighting import ReweightingTrainer
from labelfix.networks.trainer import Labelled, StepFigures
from labelfix.networks.training import make_trainer, new_classifier, plain_training, train
from labelfix.numerics.softmax import softmax
from labelfix.progress import Progress
from labelfix.settings.methods import L2rwSettings


@dataclass(kw_only=True)
class L2rwTrainer(ReweightingTrainer):
    """A step on rows that agree with the trusted ones."""

    def step(
        self, noisy: Labelled, clean: Labelled | None, meta: Labelled | None, watch: bool = True, last: bool = False
    ) -> StepFigures | None:
        """Weigh the noisy rows by the trusted ones at w, and update w; without trusted rows all weigh the same."""
        rows = self.forward_rows(noisy, clean)
        meta_loss, meta_gradient = None, None
        if meta is None:
            weights = torch.full_like(rows.losses, 1 / noisy.rows)
        else:
            meta_loss, meta_gradient = self.clean_gradient(meta)
            agreement = self.losses_along(rows, meta_gradient.times([1.0] * len(self.weights))).clamp_min(0)
            total = agreement.sum()
            ranks().add_up([total])
            weights = torch.where(total > 0, agreement / total, torch.zeros_like(agreement))
        self.apply(self.weighted_gradient(rows, weights, total=1, last=True))
        self.steps += 1
        return self.weighted_figures(rows, weights, 1, meta_loss, meta_gradient) if watch else None


def train_network(problem: Problem, settings: L2rwSettings, progress: Progress) -> FittedModel:
    """Train the classifier; see the module's docstring."""
    training = plain_training(problem, settings, progress)
    split = replace(training.split, train=training.split.train[:0], meta=training.split.train)
    training = replace(training, split=split)
    progress.say(split.describe())
    classifier = new_classifier(problem)
    trainer = make_trainer(training, classifier, L2rwTrainer, derivative=settings.derivative)
    course = train(training, trainer)
    weigher = AgreementWeigher(_head_gradient(problem, split, classifier))
    return mixture_network(problem, split, classifier, weigher, course.history)


def _head_gradient(problem: Problem, split: CleanSplit, classifier: Classifier) -> np.ndarray:
    """`(K, D + 1)` the gradient of the judging trusted rows' mean loss with respect to the head's weights and bias."""
    logits, hidden = network_outputs(classifier, problem.clean, split.meta, problem.device)
    slope = softmax(logits.astype(np.float64)).astype(np.float64)
    slope[np.arange(len(slope)), problem.truth[split.meta]] -= 1
    inputs = np.concatenate([hidden.astype(np.float64), np.ones((len(hidden), 1))], axis=1)
    return np.asarray(slope.T @ inputs / len(slope))
