"""What every training loop needs: batches on a device, optimisers, and the classifier's view of some rows.

Legend: R rows asked for, D features, K classes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from labelfix.data.tables import Codes, Probabilities
from labelfix.models.classifier import Classifier
from labelfix.models.features import Inputs
from labelfix.models.on_device import forward

OptimizerName = Literal["sgd", "adam", "adamw"]


def make_optimizer(
    name: OptimizerName,
    parameters: Iterable[nn.Parameter] | Sequence[dict[str, Any]],
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
) -> torch.optim.Optimizer:
    """SGD, Adam or AdamW over the trainable parameters, or over groups of them; ready for a CUDA graph.

    Every group remembers the learning rate it starts from as `initial_lr`; see `scale_learning_rates`.
    """
    items = list(parameters)
    groups = [dict(item) for item in items if isinstance(item, dict)]
    groups = groups or [{"params": items}]
    for group in groups:
        group["params"] = [p for p in group["params"] if p.requires_grad]
        group.setdefault("lr", learning_rate)
        group["initial_lr"] = group["lr"]
    groups = [group for group in groups if group["params"]]
    if name == "sgd":
        return torch.optim.SGD(
            groups, lr=learning_rate, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, fused=True
        )
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    return kind(groups, lr=learning_rate, weight_decay=weight_decay, fused=True, capturable=_on_gpu(groups))


def make_lcn_optimizer(lcn: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """Adam with amsgrad, as published."""
    parameters = list(lcn.parameters())
    return torch.optim.Adam(
        parameters, lr=learning_rate, amsgrad=True, fused=True, capturable=_on_gpu([{"params": parameters}])
    )


def groups_of(classifier: Classifier, head_learning_rate: float | None) -> list[dict[str, Any]]:
    """The backbone's parameters and the head's, as groups of an optimiser; the head's may have a rate of its own."""
    head: dict[str, Any] = {"params": classifier.head_parameters()}
    if head_learning_rate is not None:
        head["lr"] = head_learning_rate
    return [{"params": classifier.backbone_parameters()}, head]


def scale_learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to a multiple of the one it started from."""
    for group, rate in zip(optimizer.param_groups, learning_rates(optimizer, factor), strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> list[float]:
    """Every group's starting rate times a factor."""
    return [float(group["initial_lr"]) * factor for group in optimizer.param_groups]


def rates_on_device(optimizer: torch.optim.Optimizer) -> None:
    """Keep learning rates in tensors beside the parameters, so that a captured step reads the present ones."""
    for group in optimizer.param_groups:
        device = group["params"][0].device
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device).clone()


def _on_gpu(groups: Sequence[dict[str, Any]]) -> bool:
    return any(p.device.type == "cuda" for group in groups for p in group["params"])


@contextlib.contextmanager
def frozen_backbone(classifier: Classifier, frozen: bool) -> Iterator[None]:
    """Training mode, with the backbone in evaluation mode and without gradients where it is frozen."""
    backbone = classifier.backbone_parameters()
    required = [p.requires_grad for p in backbone]
    classifier.train()
    if frozen:
        classifier.backbone.eval()
        for parameter in backbone:
            parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, value in zip(backbone, required, strict=True):
            parameter.requires_grad_(value)


def network_outputs(
    classifier: Classifier, inputs: Inputs, rows: Codes, device: torch.device
) -> tuple[Probabilities, Probabilities]:
    """Logits `(R, K)` and features h(x) `(R, D)` of some rows in evaluation mode."""
    was_training = classifier.training
    classifier.eval()
    try:
        return forward(classifier, inputs, rows, device)
    finally:
        classifier.train(was_training)
