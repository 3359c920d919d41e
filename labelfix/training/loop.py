"""What every training loop needs: batches on a device, optimisers, and the classifier's view of some rows.

Legend: R rows asked for, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import nn

from labelfix.data.tables import Codes, Probabilities
from labelfix.models.classifier import Classifier
from labelfix.models.features import Inputs
from labelfix.models.trained import forward

OptimizerName = Literal["sgd", "adam", "adamw"]


def make_optimizer(
    name: OptimizerName,
    parameters: Iterable[nn.Parameter],
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
) -> torch.optim.Optimizer:
    """SGD, Adam or AdamW over the trainable parameters."""
    trainable = [p for p in parameters if p.requires_grad]
    if name == "sgd":
        return torch.optim.SGD(
            trainable, lr=learning_rate, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, fused=True
        )
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    return kind(trainable, lr=learning_rate, weight_decay=weight_decay, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set every group's learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def outputs(
    classifier: Classifier, inputs: Inputs, rows: Codes, device: torch.device
) -> tuple[Probabilities, Probabilities]:
    """Logits `(R, K)` and features h(x) `(R, D)` of some rows in evaluation mode."""
    was_training = classifier.training
    classifier.eval()
    try:
        return forward(classifier, inputs, rows, device)
    finally:
        classifier.train(was_training)
