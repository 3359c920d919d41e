"""Trainers whose noisy rows cost something else than their given labels.

Legend: N noisy rows, B rows of a batch, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from labelfix.models.classifier import ClassifierOutput
from labelfix.networks.passes import Labelled
from labelfix.networks.soft_cross_entropy import soft_cross_entropy
from labelfix.networks.trainer import Loss, Trainer


@dataclass(kw_only=True)
class TransitionTrainer(Trainer):
    """Noisy rows cost −log Σ_y p(y | x) T[y, y']: the likelihood of their given label through a matrix `(K, K)`."""

    log_transition: Tensor

    def loss(self, said: ClassifierOutput, noisy: Labelled) -> Loss:
        """See the class; the labels that rows were taken to have are the posterior."""
        return through_transition(said.logits, noisy.labels, self.log_transition)


def through_transition(logits: Tensor, given: Tensor, log_transition: Tensor) -> Loss:
    """−Σ_i log Σ_y softmax(z_i)_y T[y, y'_i], by log-sum-exp.

    Args:
        logits: `(B, K)` z.
        given: `(B,)` y'.
        log_transition: `(K, K)` log T; −∞ is a label that a class never gets.
    """
    joint = torch.log_softmax(logits, dim=1) + log_transition.to(logits.dtype).T[given]
    evidence = torch.logsumexp(joint, dim=1, keepdim=True)
    return Loss(-evidence.sum(), (joint - evidence).exp().detach())


@dataclass(kw_only=True)
class TargetsTrainer(Trainer):
    """Noisy rows are learned from soft labels `(N, K)` of their own, by row number."""

    targets: Tensor

    def loss(self, said: ClassifierOutput, noisy: Labelled) -> Loss:
        """The cross-entropy of the rows' soft labels."""
        assert noisy.numbers is not None
        soft = self.targets.index_select(0, noisy.numbers)
        return Loss(soft_cross_entropy(said.logits, soft), soft)
