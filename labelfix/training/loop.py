"""What every training loop needs: batches on a device, optimisers, and the classifier's view of some rows.

Legend: R rows asked for, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from labelfix.data.tables import Codes, Probabilities
from labelfix.models.classifier import Batch, Classifier, TokenBatch
from labelfix.models.features import Inputs

OptimizerName = Literal["sgd", "adam", "adamw"]

EVALUATION_ROWS = 512
"""Rows evaluated at once."""


def to_device(batch: Batch, device: torch.device) -> Batch:
    """A batch on the training device."""
    if isinstance(batch, TokenBatch):
        return TokenBatch(*(part.to(device) for part in batch))
    return batch.to(device)


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
    logits: list[Tensor] = []
    hidden: list[Tensor] = []
    was_training = classifier.training
    classifier.eval()
    with torch.inference_mode():
        for start in range(0, len(rows), EVALUATION_ROWS):
            out = classifier(to_device(inputs.batch(rows[start : start + EVALUATION_ROWS]), device))
            logits.append(out.logits.float().cpu())
            hidden.append(out.hidden.float().cpu())
    classifier.train(was_training)
    if not logits:
        empty = np.zeros((0, classifier.num_classes), np.float32)
        return empty, np.zeros((0, classifier.feature_width), np.float32)
    return torch.cat(logits).numpy(), torch.cat(hidden).numpy()
