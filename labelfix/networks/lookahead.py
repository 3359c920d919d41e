"""The look-ahead: how the clean loss after the classifier's next update depends on the corrected labels.

Source: Zheng, Awadallah and Dumais, AAAI 2021, Equations 2 to 7. In the paper's letters: w the classifier
before its step and w' after it, α the label correction network, L_D the loss on clean rows, L_D' the loss on
noisy rows with corrected labels q, Λ = ∂(w − w')/∂g the effective step sizes (`step_sizes`), and

    ∇_α L_D(w') = −∇_α ⟨∇_w L_D'(α, w), v⟩ = +(1/n) ∇_α Σ_ic q_ic δz_ic,    v = Λ ∇L_D(w'),

where δz is the derivative of the noisy rows' logits at w along v (rows of q sum to 1, so the softmax's
normaliser drops out). No second backward pass is needed: δz comes from one more forward pass.

Departures from the paper and its published code:

* Λ is exact, where the paper writes a matrix of learning rates.
* Equation 6 as printed uses g_w' twice; the form used here, with g_w in the projection, is what its
  derivation and its code have. γ is clamped to [0, 1].
* The clean batch is held over the k steps of a window, so that g_w' of one step is g_w of the next.
* BatchNorm's running statistics are left alone by every pass but the real one.

`recipe = published` takes the last two back, and the clamp (methods/mlc/published.py).

Nothing here asks a tensor for its value: a step is put in the device's queue and nobody waits for it, and a CUDA
graph can hold all of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp

from labelfix.compute.devices import Precision
from labelfix.compute.flat_vectors import Flat
from labelfix.networks.step_sizes import effective_step_sizes

__all__ = [
    "STEP_LENGTH",
    "Derivative",
    "MetaGradient",
    "carry_over",
    "directional_derivative",
    "effective_step_sizes",
    "frozen_statistics",
    "step_length",
    "swapped",
]

Derivative = Literal["fd1", "fd2", "jvp"]

STEP_LENGTH = {torch.float32: 1e-3, torch.float64: 1e-5}
"""ε‖v‖ of the finite differences by precision: long enough for rounding, short enough for curvature and kinks."""

STEP_LENGTH_BF16 = 0.2
"""The same where the forward passes compute in bfloat16, which keeps 8 bits: an error of one to three in a hundred."""


def step_length(dtype: torch.dtype, precision: Precision) -> float:
    """ε‖v‖ for logits of a type that were computed in a precision."""
    return STEP_LENGTH_BF16 if precision == "bf16" else STEP_LENGTH[dtype]


@contextlib.contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """BatchNorm layers normalise by the batch as in training, and do not move their running statistics."""
    layers = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    layers = [m for m in layers if m.training]  # one in evaluation mode needs its statistics, and does not move them
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


def directional_derivative(
    logits: Callable[[Sequence[Tensor]], Tensor],
    weights: Flat,
    direction: Flat,
    at_weights: Callable[[], Tensor],
    how: Derivative,
    length: float,
) -> Tensor:
    """δz, the derivative of the logits along a direction in weight space.

    Args:
        logits: The noisy rows' logits as a function of the weights.
        weights: w.
        direction: v; overwritten.
        at_weights: Gives `(B, K)` the logits at w, which `fd1` starts from; asked after those ahead are known.
        how: One-sided difference, central difference, or exact forward mode.
        length: ε‖v‖ of the differences.

    Returns:
        `(B, K)` without gradient; up to O(‖v‖) truncation error for the differences. Zero along a direction of no
        length, or of one that is not a number.
    """
    with torch.no_grad():
        if how == "jvp":
            point, along = tuple(weights.parts), tuple(direction.parts)
            return jvp(lambda *w: logits(w), point, along)[1].detach()  # type: ignore[no-any-return]
        norm = torch.linalg.vector_norm(direction.vector)
        usable = torch.isfinite(norm) & (norm > 0)
        epsilon = torch.where(usable, length / norm, torch.zeros_like(norm))
        inverse = torch.where(usable, norm / length, torch.zeros_like(norm))
        shift = direction.vector.nan_to_num_(0.0, 0.0, 0.0).mul_(epsilon)
        if how == "fd1":
            shift.add_(weights.vector)
            ahead = logits(direction.parts)
            return (ahead - at_weights().detach()).mul_(inverse)
        weights.vector.add_(shift)
        ahead = logits(weights.parts)
        weights.vector.sub_(shift, alpha=2)
        behind = logits(weights.parts)
        return (ahead - behind).mul_(inverse / 2)


class MetaGradient:
    """A_t: the meta-gradient chained over the steps of a window (Equation 6).

    A_t = γ_t A_{t−1} + ∇_α L_D(w'), with γ_t = ⟨(1 − Λ) g_w', g_w⟩ / ‖g_w‖² clamped to [0, 1].

    Args:
        clamped: Whether γ is kept in [0, 1].

    Attributes:
        previous: `(P,)` g_w of the step under way: where the clean batch is held, g_w' of the step before.
        steps: Steps of the window so far.
        gamma: Of the last step; None for a window's first.
    """

    def __init__(self, clamped: bool = True) -> None:
        self.clamped = clamped
        self.total: list[Tensor] | None = None
        self.previous: Tensor | None = None
        self.gamma: Tensor | None = None
        self.steps = 0

    def add(self, gradient: Sequence[Tensor], clean: Tensor, moved: Tensor) -> None:
        """Take in one step.

        Args:
            gradient: ∇_α L_D(w') of this step alone, a tensor for each parameter of the LCN.
            clean: `(P,)` g_w' on the window's clean batch.
            moved: `(P,)` Λ g_w'.
        """
        if self.total is None or self.previous is None:
            self.total, self.gamma = list(gradient), None
        else:
            self.gamma = carry_over(clean, self.previous, moved, self.clamped)
            carried = torch._foreach_mul(self.total, self.gamma.to(self.total[0].dtype))
            self.total = list(torch._foreach_add(list(gradient), carried))
        self.previous = clean
        self.steps += 1

    def take(self) -> list[Tensor]:
        """A_t, and start a new window."""
        assert self.total is not None
        total, self.total, self.previous, self.steps = self.total, None, None, 0
        return total


def carry_over(after: Tensor, before: Tensor, moved: Tensor, clamped: bool = True) -> Tensor:
    """γ = ⟨(1 − Λ) g_w', g_w⟩ / ‖g_w‖²; 0 where g_w vanishes.

    Args:
        after: `(P,)` g_w'.
        before: `(P,)` g_w.
        moved: `(P,)` Λ g_w'.
        clamped: Whether it is kept in [0, 1].
    """
    norm = torch.dot(before, before)
    share = torch.dot(after - moved, before) / norm
    return torch.where(norm > 0, share.clamp(0.0, 1.0) if clamped else share, torch.zeros_like(norm))


def swapped(module: nn.Module, names: Sequence[str], weights: Sequence[Tensor], batch: object) -> Tensor:
    """The logits of a batch with other weights in the module's place, statistics frozen."""
    with frozen_statistics(module):
        return functional_call(module, dict(zip(names, weights, strict=True)), (batch,)).logits  # type: ignore[no-any-return]
