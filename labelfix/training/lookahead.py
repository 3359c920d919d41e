"""The look-ahead: how the clean loss after the classifier's next update depends on the corrected labels.

Source: Zheng, Awadallah and Dumais, AAAI 2021, Equations 2 to 7. In the paper's letters: w the classifier
before its step and w' after it, α the label correction network, L_D the loss on clean rows, L_D' the loss on
noisy rows with corrected labels q, Λ = ∂(w − w')/∂g the diagonal of effective step sizes, and

    ∇_α L_D(w') = −∇_α ⟨∇_w L_D'(α, w), v⟩ = +(1/n) ∇_α Σ_ic q_ic δz_ic,    v = Λ ⊙ ∇L_D(w'),

where δz is the derivative of the noisy rows' logits at w along v (rows of q sum to 1, so the softmax's
normaliser drops out). No second backward pass is needed: δz comes from one more forward pass.

Departures from the paper and its published code:

* Λ is exact for SGD with momentum, dampening and Nesterov, and for Adam and AdamW, where the paper writes a
  matrix of learning rates.
* Equation 6 as printed uses g_w' twice; the form used here, with g_w in the projection, is what its
  derivation and its code have. γ is clamped to [0, 1].
* The clean batch is held over the k steps of a window, so that g_w' of one step is g_w of the next.
* BatchNorm's running statistics are left alone by every pass but the real one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp

Derivative = Literal["fd1", "fd2", "jvp"]
Scale = Tensor | float

STEP_LENGTH = {torch.float32: 1e-3, torch.float64: 1e-5}
"""ε‖v‖ of the finite differences by precision: long enough for rounding, short enough for curvature and kinks."""


@contextlib.contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """BatchNorm layers normalise by the batch as in training, and do not move their running statistics."""
    layers = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


def effective_step_sizes(
    optimizer: torch.optim.Optimizer, weights_before: Sequence[Tensor], first_step: bool
) -> list[Scale]:
    """Λ = ∂(w − w')/∂g for the step that the optimiser has just taken, exactly.

    Args:
        optimizer: SGD, Adam or AdamW, after its step, with the gradients still in `.grad`.
        weights_before: The parameters before the step, in the order of the optimiser's groups.
        first_step: Whether it was the optimiser's first step (SGD's first applies no dampening).

    Returns:
        One number (SGD) or tensor (Adam) a parameter.

    Raises:
        TypeError: Another kind of optimiser.
    """
    scales: list[Scale] = []
    before = iter(weights_before)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            old = next(before)
            if isinstance(optimizer, torch.optim.SGD):
                scales.append(_sgd_step_size(group, first_step))
            elif isinstance(optimizer, torch.optim.Adam):  # AdamW is one
                scales.append(_adam_step_size(optimizer, group, parameter, old))
            else:
                raise TypeError(f"no exact step sizes for {type(optimizer).__name__}")
    return scales


def _sgd_step_size(group: dict[str, float], first_step: bool) -> float:
    rate, momentum = float(group["lr"]), float(group["momentum"])
    if momentum == 0:
        return rate
    if group["nesterov"]:
        return rate * (1 + momentum)
    return rate if first_step else rate * (1 - float(group["dampening"]))


def _adam_step_size(
    optimizer: torch.optim.Optimizer, group: dict[str, object], parameter: Tensor, before: Tensor
) -> Tensor:
    state = optimizer.state[parameter]
    beta1, beta2 = group["betas"]  # type: ignore[misc]
    rate, epsilon, decay = float(group["lr"]), float(group["eps"]), float(group["weight_decay"])  # type: ignore[arg-type]
    gradient = parameter.grad
    if gradient is None:
        return torch.zeros_like(before)
    decoupled = bool(group.get("decoupled_weight_decay", False)) or isinstance(optimizer, torch.optim.AdamW)
    if decay and not decoupled:
        gradient = gradient + decay * before
    step = float(state["step"])
    correction1, correction2 = 1 - beta1**step, 1 - beta2**step  # type: ignore[has-type]
    second, moving = state["exp_avg_sq"], torch.ones_like(before)
    if group["amsgrad"]:
        # Where the old maximum stays, the denominator does not depend on this gradient.
        moving = (second >= state["max_exp_avg_sq"]).to(before.dtype)
        second = state["max_exp_avg_sq"]
    root = (second / correction2).sqrt()
    denominator = root + epsilon
    through_second = (
        moving * state["exp_avg"] * (1 - beta2) * gradient / (correction2 * root * denominator**2)  # type: ignore[has-type]
    )
    scale = rate / correction1 * ((1 - beta1) / denominator - through_second)  # type: ignore[has-type]
    return torch.where(root > 0, scale, torch.zeros_like(scale))


def directional_derivative(
    logits: Callable[[Sequence[Tensor]], Tensor],
    weights: Sequence[Tensor],
    direction: Sequence[Tensor],
    at_weights: Tensor,
    how: Derivative,
) -> Tensor:
    """δz, the derivative of the logits along a direction in weight space.

    Args:
        logits: The noisy rows' logits as a function of the weights.
        weights: w.
        direction: v.
        at_weights: `(B, K)` the logits at w, which `fd1` starts from.
        how: One-sided difference, central difference, or exact forward mode.

    Returns:
        `(B, K)` without gradient; up to O(‖v‖) truncation error for the differences.
    """
    if how == "jvp":
        with torch.no_grad():
            return jvp(lambda *w: logits(w), tuple(weights), tuple(direction))[1].detach()  # type: ignore[no-any-return]
    length = torch.nn.utils.get_total_norm(direction)
    if length == 0 or not torch.isfinite(length):
        return torch.zeros_like(at_weights)
    epsilon = STEP_LENGTH[at_weights.dtype] / float(length)
    with torch.no_grad():
        ahead = logits(torch._foreach_add(list(weights), list(direction), alpha=epsilon))
        if how == "fd1":
            return (ahead - at_weights.detach()) / epsilon
        behind = logits(torch._foreach_add(list(weights), list(direction), alpha=-epsilon))
        return (ahead - behind) / (2 * epsilon)


class MetaGradient:
    """A_t: the meta-gradient chained over the steps of a window (Equation 6).

    A_t = γ_t A_{t−1} + ∇_α L_D(w'), with γ_t = ⟨(1 − Λ) g_w', g_w⟩ / ‖g_w‖² clamped to [0, 1].
    """

    def __init__(self) -> None:
        self.total: list[Tensor] | None = None
        self.previous: list[Tensor] | None = None
        self.gamma: float | None = None

    def add(self, gradient: Sequence[Tensor], clean: Sequence[Tensor], scales: Sequence[Scale]) -> None:
        """Take in one step.

        Args:
            gradient: ∇_α L_D(w') of this step alone, a tensor for each parameter of the LCN.
            clean: g_w' on the window's clean batch, a tensor for each parameter of the classifier.
            scales: Λ of this step.
        """
        if self.total is None or self.previous is None:
            self.total, self.gamma = list(gradient), None
        else:
            self.gamma = carry_over(clean, self.previous, scales)
            self.total = [g + self.gamma * a for g, a in zip(gradient, self.total, strict=True)]
        self.previous = list(clean)

    def take(self) -> list[Tensor]:
        """A_t, and start a new window."""
        assert self.total is not None
        total, self.total, self.previous = self.total, None, None
        return total


def carry_over(after: Sequence[Tensor], before: Sequence[Tensor], scales: Sequence[Scale]) -> float:
    """γ = ⟨(1 − Λ) g_w', g_w⟩ / ‖g_w‖², clamped to [0, 1]; 0 where g_w vanishes."""
    product = sum(float(((1 - s) * a * b).sum()) for s, a, b in zip(scales, after, before, strict=True))
    norm = sum(float(b.pow(2).sum()) for b in before)
    return min(max(product / norm, 0.0), 1.0) if norm > 0 else 0.0


def swapped(module: nn.Module, names: Sequence[str], weights: Sequence[Tensor], batch: object) -> Tensor:
    """The logits of a batch with other weights in the module's place, statistics frozen."""
    with frozen_statistics(module):
        return functional_call(module, dict(zip(names, weights, strict=True)), (batch,)).logits  # type: ignore[no-any-return]
