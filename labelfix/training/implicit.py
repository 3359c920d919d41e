"""The implicit meta-gradient: how a loss at the solution of a convex problem depends on the problem's soft labels.

The inner problem fits a linear head w* to soft labels q; the outer loss L is taken at w*. By the implicit
function theorem ∂L/∂q_ic = ω_i [h_i, 1]ᵀ u_c with u = H⁻¹ ∇L(w*), H the inner Hessian, found by conjugate gradients
in the coordinates of the fit.

Legend: N rows, D features, K classes; A = D + 1 with the constant feature.
"""

from __future__ import annotations

import torch
from torch import Tensor

from labelfix.training.linear import LinearHead, Scaling


def inner_hessian_product(
    features: Tensor, probabilities: Tensor, weights: Tensor, ridge: float, vector: LinearHead
) -> LinearHead:
    """H v for the loss Σ ω CE + ‖W‖² / 2r, whatever its targets are: a softmax-linear Hessian does not depend on them.

    Args:
        features: `(N, D)`.
        probabilities: `(N, K)` softmax at w*.
        weights: `(N,)` ω.
        ridge: r.
        vector: v.
    """
    along = vector.logits(features)
    mean = (probabilities * along).sum(dim=1, keepdim=True)
    slope = weights[:, None] * probabilities * (along - mean)
    return LinearHead(slope.T @ features + vector.weight / ridge, slope.sum(dim=0))


def solve(
    features: Tensor,
    probabilities: Tensor,
    weights: Tensor,
    ridge: float,
    right: LinearHead,
    steps: int,
    scaling: Scaling,
) -> LinearHead:
    """u = H⁻¹ right by preconditioned conjugate gradients from 0.

    Args:
        features: `(N, D)`.
        probabilities: `(N, K)` softmax at w*.
        weights: `(N,)` ω.
        ridge: r.
        right: The right-hand side.
        steps: At most this many; fewer once the residual has fallen by 1e-10.
        scaling: Coordinates in which H is nearly round.
    """
    # Shifting all biases together changes no probability: H is singular along it, and `right` orthogonal to it.
    solution, residual = _zeros(right), right
    direction = scaled = scaling.smoothed(residual)
    squared = _dot(residual, scaled)
    first = squared
    for _ in range(steps):
        if squared <= 1e-20 * first or squared == 0:
            break
        product = inner_hessian_product(features, probabilities, weights, ridge, direction)
        step = squared / _dot(direction, product)
        solution = _add(solution, direction, step)
        residual = _add(residual, product, -step)
        scaled = scaling.smoothed(residual)
        after = _dot(residual, scaled)
        direction = _add(scaled, direction, after / squared)
        squared = after
    return solution


def cross_entropy_gradient(features: Tensor, log_probabilities: Tensor, labels: Tensor) -> LinearHead:
    """∇ of the summed cross-entropy of labelled rows, with respect to the head.

    Args:
        features: `(N, D)`.
        log_probabilities: `(N, K)` at w*.
        labels: `(N,)`.
    """
    slope = log_probabilities.exp()
    slope[torch.arange(len(labels)), labels] -= 1
    return LinearHead(slope.T @ features, slope.sum(dim=0))


def _zeros(head: LinearHead) -> LinearHead:
    return LinearHead(torch.zeros_like(head.weight), torch.zeros_like(head.bias))


def _dot(a: LinearHead, b: LinearHead) -> float:
    return float((a.weight * b.weight).sum() + (a.bias * b.bias).sum())


def _add(a: LinearHead, b: LinearHead, factor: float) -> LinearHead:
    return LinearHead(a.weight + factor * b.weight, a.bias + factor * b.bias)
