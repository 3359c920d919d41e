"""Λ = ∂(w − w')/∂g: how far a step of the optimiser moves the weights for a change of the gradient.

The paper writes a matrix of learning rates. Here it is the exact derivative, for SGD with momentum or Nesterov's, for
Adam and AdamW, and through the clipping of the gradient's norm.
Nothing here waits for the device: learning rates and step counts may be tensors on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from labelfix.compute.flat_vectors import Flat

Scale = Tensor | float


def effective_step_sizes(optimizer: torch.optim.Optimizer, weights_before: Sequence[Tensor]) -> list[Scale]:
    """Λ for the step that the optimiser has just taken, exactly; its diagonal, which is all of it without clipping.

    Args:
        optimizer: SGD, Adam or AdamW, after its step, with the gradients still in `.grad`.
        weights_before: The parameters that were moved, before the step, in the order of the optimiser's groups.

    Returns:
        One number (SGD) or tensor (Adam) for each parameter that was moved.

    Raises:
        TypeError: Another kind of optimiser.
    """
    scales: list[Scale] = []
    for group in optimizer.param_groups:
        moved = [p for p in group["params"] if p.grad is not None]
        before = weights_before[len(scales) : len(scales) + len(moved)]
        if isinstance(optimizer, torch.optim.SGD):
            rate = group["lr"] * (1 + float(group["momentum"])) if group["nesterov"] else group["lr"]
            scales += [rate] * len(moved)
        elif isinstance(optimizer, torch.optim.Adam):  # AdamW is one
            scales += _adam_step_sizes(optimizer, group, moved, before) if moved else []
        else:
            raise TypeError(f"no exact step sizes for {type(optimizer).__name__}")
    return scales


def _adam_step_sizes(
    optimizer: torch.optim.Optimizer, group: dict[str, Any], moved: Sequence[Tensor], before: Sequence[Tensor]
) -> list[Tensor]:
    """η/c₁ · [(1 − β₁)/D − m (1 − β₂) g / (c₂ √v̂ D²)], D = √v̂ + ε; 0 where v̂ = 0."""
    states = [optimizer.state[p] for p in moved]
    beta1, beta2 = group["betas"]
    gradients = [p.grad for p in moved if p.grad is not None]
    decay = float(group["weight_decay"])
    decoupled = bool(group.get("decoupled_weight_decay", False)) or isinstance(optimizer, torch.optim.AdamW)
    if decay and not decoupled:
        gradients = list(torch._foreach_add(gradients, list(before), alpha=decay))
    dtype, device = moved[0].dtype, moved[0].device
    # Parameters of a group have taken equally many steps; the corrections need more digits than float32 has.
    step = states[0]["step"].to(torch.float64)
    correction1 = (1 - beta1**step).to(device, dtype)
    correction2 = (1 - beta2**step).to(device, dtype)
    second = [s["exp_avg_sq"] for s in states]
    pushed = list(torch._foreach_mul([s["exp_avg"] for s in states], gradients))
    root = list(torch._foreach_div(second, correction2))
    torch._foreach_sqrt_(root)
    denominator = list(torch._foreach_add(root, float(group["eps"])))
    below = list(torch._foreach_mul(root, denominator))
    torch._foreach_mul_(below, denominator)
    torch._foreach_clamp_min_(below, torch.finfo(dtype).tiny)
    torch._foreach_div_(pushed, below)
    torch._foreach_mul_(pushed, (1 - beta2) / correction2)
    scales = list(torch._foreach_reciprocal(denominator))
    torch._foreach_mul_(scales, 1 - beta1)
    torch._foreach_sub_(scales, pushed)
    torch._foreach_mul_(scales, group["lr"] / correction1)
    torch._foreach_mul_(scales, torch._foreach_sign(root))
    return scales


def clip(gradients: Sequence[Tensor], longest: float) -> Tensor:
    """Shorten the gradient as a whole to a norm of at most `longest`, in place; nothing waits for the device.

    Returns:
        The factor c in (0, 1].
    """
    norm = torch.nn.utils.get_total_norm(gradients)
    factor = (longest / norm).clamp(max=1.0)
    torch._foreach_mul_(list(gradients), factor)
    return factor


def through_clipping(direction: Flat, clipped: Flat, factor: Tensor, longest: float) -> None:
    """Turn Λ g_w' into what it is where the gradient was clipped, in place: c (I − ĝ ĝᵀ) Λ g_w', ĝ = g / ‖g‖.

    A clipped gradient g C / ‖g‖ does not grow when g does, so nothing is left along g itself.

    Args:
        direction: Λ g_w', with Λ of the clipped gradient.
        clipped: The gradient as the optimiser saw it; its norm is C where it was clipped.
        factor: c.
        longest: C.
    """
    along = torch.dot(clipped.vector, direction.vector) / longest**2
    along = torch.where(factor < 1, along, torch.zeros_like(along))
    direction.vector.sub_(along * clipped.vector).mul_(factor)
