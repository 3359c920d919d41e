"""Steps that MLC's own are compared with: the plain one, and two that differentiate through the gradient.

They stand here as references for time and memory (`labelfix bench step`) and for the gradient itself; nothing trains
with them. All are for SGD with momentum and weight decay, as in the published code, and k = 1.

Legend: B rows of a batch, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from labelfix.compute.devices import Precision, arithmetic
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.lookahead import frozen_statistics
from labelfix.networks.passes import Labelled, forward


@dataclass(frozen=True)
class Workbench:
    """What every way of taking a step works on, so that none has an advantage.

    Attributes:
        classifier: f_w, in training mode.
        lcn: g_α.
    """

    classifier: Classifier
    lcn: LabelCorrectionNetwork
    optimizer: torch.optim.Optimizer
    lcn_optimizer: torch.optim.Optimizer
    noisy: Labelled
    clean: Labelled
    meta: Labelled
    precision: Precision = "fp32"

    @property
    def weights(self) -> list[Tensor]:
        """The classifier's parameters, in order."""
        return list(self.classifier.parameters())

    def logits(self, rows: Labelled) -> Tensor:
        """`(B, K)` of some rows at w."""
        logits: Tensor = forward(self.classifier, rows.inputs, self.precision).logits
        return logits

    def corrected_loss(self) -> Tensor:
        """The mean loss of noisy rows with the LCN's labels and of clean rows, with the graph through both networks."""
        said = forward(self.classifier, self.noisy.inputs, self.precision)
        soft = self.lcn(said.hidden.detach(), self.noisy.labels).soft
        noisy = -(soft * functional.log_softmax(said.logits, dim=1)).sum()
        clean = functional.cross_entropy(self.logits(self.clean), self.clean.labels, reduction="sum")
        mean: Tensor = (noisy + clean) / (len(self.noisy.labels) + len(self.clean.labels))
        return mean


def plain_step(bench: Workbench) -> None:
    """Ordinary training on the same noisy and clean rows, with the labels as given."""
    noisy = functional.cross_entropy(bench.logits(bench.noisy), bench.noisy.labels, reduction="sum")
    clean = functional.cross_entropy(bench.logits(bench.clean), bench.clean.labels, reduction="sum")
    bench.optimizer.zero_grad()
    ((noisy + clean) / (len(bench.noisy.labels) + len(bench.clean.labels))).backward()
    bench.optimizer.step()


def double_backward_step(bench: Workbench) -> list[Tensor]:
    """MLC by a second backward pass, at its best: of the graph of the gradient, what leads to the LCN alone.

    Returns:
        ∇_α L_clean(w'), a tensor for each parameter of the LCN.
    """
    weights = bench.weights
    gradient = torch.autograd.grad(bench.corrected_loss(), weights, create_graph=True)
    ahead, rate = _ahead(bench.optimizer, weights, [g.detach() for g in gradient])
    names = [name for name, _ in bench.classifier.named_parameters()]
    moved = [w.detach().requires_grad_() for w in ahead]
    with frozen_statistics(bench.classifier), arithmetic(moved[0].device, bench.precision):
        said = functional_call(bench.classifier, dict(zip(names, moved, strict=True)), (bench.meta.inputs,))
    meta_loss = functional.cross_entropy(said.logits.to(moved[0].dtype), bench.meta.labels)
    clean_gradient = torch.autograd.grad(meta_loss, moved)
    proxy = torch.stack([-rate * (g * v).sum() for g, v in zip(gradient, clean_gradient, strict=True)]).sum()
    found = list(torch.autograd.grad(proxy, list(bench.lcn.parameters())))
    _move_lcn(bench, found)
    for weight, value in zip(weights, gradient, strict=True):
        weight.grad = value.detach()
    bench.optimizer.step()
    return found


def published_step(bench: Workbench) -> list[Tensor]:
    """The published code's step, operation by operation, with its learning rate and momentum put right.

    g_w on the meta rows at w, which γ alone needs; the gradient with its whole graph; w' put in the parameters'
    place and g_w' taken there; `backward` of the proxy, which fills the classifier's gradients too; w put back, and
    the optimiser's step with the first gradient.

    Returns:
        What the LCN was moved by.
    """
    weights = bench.weights
    at_w = functional.cross_entropy(bench.logits(bench.meta), bench.meta.labels)
    before = torch.autograd.grad(at_w, weights)
    gradient = torch.autograd.grad(bench.corrected_loss(), weights, create_graph=True)
    ahead, rate = _ahead(bench.optimizer, weights, [g.detach() for g in gradient])
    kept = [w.data for w in weights]
    for weight, moved in zip(weights, ahead, strict=True):
        weight.data = moved
    at_ahead = functional.cross_entropy(bench.logits(bench.meta), bench.meta.labels)
    after = torch.autograd.grad(at_ahead, weights)
    flat_before = _flat(before)
    torch.dot(_flat(after) * (1 - rate), flat_before / flat_before.norm() ** 2)  # γ; unused where k = 1
    proxy = -torch.dot(_flat(gradient), _flat(after) * rate)
    bench.lcn.zero_grad()
    proxy.backward()
    found = [p.grad.clone() for p in bench.lcn.parameters() if p.grad is not None]
    bench.lcn_optimizer.step()
    for weight, old, value in zip(weights, kept, gradient, strict=True):
        weight.data = old
        weight.grad = value.detach()
    bench.optimizer.step()
    return found


def _ahead(
    optimizer: torch.optim.Optimizer, weights: Sequence[Tensor], gradient: Sequence[Tensor]
) -> tuple[list[Tensor], float]:
    """w' = w − η (μ m + g + λ w), and η; the optimiser is left as it is."""
    (group,) = optimizer.param_groups
    with torch.no_grad():
        step = torch._foreach_add(list(gradient), list(weights), alpha=group["weight_decay"])
        buffers = [optimizer.state[w].get("momentum_buffer") for w in weights]
        if buffers[0] is not None:
            torch._foreach_add_(step, buffers, alpha=group["momentum"])
        return list(torch._foreach_add(list(weights), step, alpha=-group["lr"])), float(group["lr"])


def _move_lcn(bench: Workbench, gradient: Sequence[Tensor]) -> None:
    for parameter, value in zip(bench.lcn.parameters(), gradient, strict=True):
        parameter.grad = value
    bench.lcn_optimizer.step()


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([t.reshape(-1) for t in tensors])
