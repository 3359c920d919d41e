"""Joint optimization: the network and the labels of its rows in turn, without trusted labels.

    phase 1, at a constant, high learning rate: L = CE(q, p) + α·L_p + β·L_e
      L_p = −Σ_c π_c log p̄_c keeps the batch's mean prediction at the prior, L_e = the entropy of p sharpens it;
      every epoch the predictions of training are kept for every row; q is the given label at first, and from some
      epoch on the mean of the row's last ten predictions
    phase 2: a fresh network learns the final q

A high learning rate does not remember single labels, so the predictions tell what rows of the kind look like. Trusted
rows teach nothing: where they were drawn at random and have every class, their class shares are π, else those of the
given labels are; they set the temperature and judge.

Source: Tanaka, Ikami, Yamasaki and Aizawa, "Joint Optimization Framework for Learning with Noisy Labels", CVPR 2018.
Departures: the number of epochs is that of the other methods in each phase, with labels updated from `begin` of the
first on (the paper: epoch 70 of 200); predictions are kept in half precision, 20·N·K bytes.

The soft labels of the noisy rows are the stored q. New rows get P(y | x), blind to their given label.

Legend: N noisy rows, K classes, B rows of a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from labelfix.compute.without_waiting import one_hot
from labelfix.correctors.contract import LEARNED, FittedModel, OwnRows, Problem
from labelfix.data.tables import Codes
from labelfix.models.classifier import ClassifierOutput
from labelfix.networks.finished_model import posterior_network, teaching
from labelfix.networks.passes import Labelled
from labelfix.networks.soft_cross_entropy import soft_cross_entropy
from labelfix.networks.soft_target_trainers import TargetsTrainer
from labelfix.networks.state import History
from labelfix.networks.trainer import Loss, Trainer
from labelfix.networks.training import (
    META_COLUMNS,
    finished_phase,
    history_table,
    make_trainer,
    new_classifier,
    plain_training,
    train,
    train_phase,
)
from labelfix.progress import Progress
from labelfix.settings.methods import JointOptimizationSettings

REMEMBERED = 10
"""Epochs whose predictions are averaged."""


@dataclass(kw_only=True)
class JointTrainer(Trainer):
    """A step of phase 1. Whatever changes with the epoch lies in tensors, so that a captured step sees it.

    Attributes:
        prior: `(K,)` π.
        alpha: Of L_p.
        beta: Of L_e.
        begin: The epoch, from 0, in which the stored labels take the place of the given ones.
        predictions: `(10, N, K)` float16, the last epochs' predictions in turn.
        labels: `(N, K)` q.
    """

    prior: Tensor
    alpha: float
    beta: float
    begin: int
    predictions: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        super().__post_init__()
        self._place = torch.zeros(1, dtype=torch.int64, device=self.labels.device)
        self._begun = torch.zeros(1, dtype=torch.bool, device=self.labels.device)

    def kept(self) -> dict[str, Tensor]:
        return {"predictions": self.predictions, "labels": self.labels, "place": self._place, "begun": self._begun}

    def loss(self, said: ClassifierOutput, noisy: Labelled) -> Loss:
        """See the module's docstring; the prediction is kept."""
        assert noisy.numbers is not None
        log_p = torch.log_softmax(said.logits, dim=1)
        p = log_p.exp()
        place = self._place.expand(len(noisy.numbers))
        self.predictions.index_put_((place, noisy.numbers), p.detach().to(self.predictions.dtype))
        given = one_hot(noisy.labels, p.shape[1], p.dtype)
        q = torch.where(self._begun, self.labels.index_select(0, noisy.numbers).to(p.dtype), given)
        balance = -(self.prior * p.mean(dim=0).clamp_min(1e-12).log()).sum() * len(p)
        entropy = -(p * log_p).sum()  # by log p: the slope of p log p is infinite where p is rounded to 0
        return Loss(soft_cross_entropy(said.logits, q) + self.alpha * balance + self.beta * entropy, q)

    @torch.no_grad()
    def end_epoch(self, epoch: int) -> None:
        """The next epoch's place, and q from the predictions of the last ten."""
        done = epoch + 1
        self._place.fill_(done % REMEMBERED)
        if done >= self.begin:
            there = self.predictions[: min(done, REMEMBERED)]
            mean = torch.zeros_like(self.labels)
            for one in there:  # one epoch at a time: all ten in single precision would be twenty times the labels
                mean += one
            self.labels.copy_(mean / mean.sum(dim=1, keepdim=True).clamp_min(1e-6))
            self._begun.fill_(True)


def train_network(problem: Problem, settings: JointOptimizationSettings, progress: Progress) -> FittedModel:
    """Fit it; see the module's docstring."""
    training = plain_training(problem, settings, progress).without_teachers()
    split = training.split
    rows, classes, device = len(problem.noisy), problem.num_classes, problem.device
    prior = _prior(problem, teaching(problem, split))
    learner, classifier = new_classifier(problem), new_classifier(problem)

    def first_phase() -> tuple[Mapping[str, np.ndarray], History]:
        trainer = make_trainer(
            training,
            learner,
            JointTrainer,
            prior=torch.from_numpy(prior).float().to(device),
            alpha=settings.alpha,
            beta=settings.beta,
            begin=max(1, round(settings.begin * training.plan.epochs)),
            # A row that an epoch leaves out, with the incomplete last batch, keeps its last prediction.
            predictions=torch.full((REMEMBERED, rows, classes), 1 / classes, dtype=torch.float16, device=device),
            labels=torch.full((rows, classes), 1 / classes, device=device),
        )
        # The learning rate stays high, and every epoch counts: neither the best nor an early one would have ten others.
        steady = replace(settings, schedule="constant", keep_best=False, early_stop=None)
        course = train(replace(training, settings=steady), trainer, phase="labels")
        return {"labels": trainer.labels.cpu().numpy()}, course.history

    arrays, first = finished_phase(problem, "labels", learner, first_phase)
    labels = arrays["labels"]
    targets = torch.from_numpy(np.array(labels)).to(device)
    second = train_phase(training, classifier, "network", TargetsTrainer, targets=targets)
    history = history_table(first, second, without=META_COLUMNS)
    model = posterior_network(problem, split, classifier, None, history, {"prior": prior.tolist()})
    score = labels[np.arange(rows), problem.given].astype(np.float32)
    return replace(model, own_rows=OwnRows(labels.astype(np.float32), score, LEARNED))


def _prior(problem: Problem, trusted: Codes) -> np.ndarray:
    """π: class shares of some trusted rows where they tell them, else of the given labels; none is zero."""
    counts = np.bincount(problem.truth[trusted], minlength=problem.num_classes)
    if problem.sampling != "random" or (counts == 0).any():
        counts = np.bincount(problem.given, minlength=problem.num_classes)
    return np.asarray((counts + 1.0) / (counts + 1.0).sum())
