"""The implicit meta-gradient: how a loss at the solution of a convex problem depends on the problem's soft labels.

The inner problem fits a linear head w* to soft labels q; the outer loss L is taken at w*. By the implicit
function theorem ∂L/∂q_ic = ω_i [h_i, 1]ᵀ u_c with u = H⁻¹ ∇L(w*), H the inner Hessian, found by conjugate gradients
in the coordinates of the fit.

Legend: N rows, D features, K classes, B problems; A = D + 1 with the constant feature.
"""

from __future__ import annotations

import torch
from torch import Tensor

from labelfix.numerics.linear_heads import LinearHead, Scaling


def inner_hessian_product(
    features: Tensor, probabilities: Tensor, weights: Tensor, ridge: float, vector: LinearHead
) -> LinearHead:
    """H v for the loss Σ ω CE + ‖W‖² / 2r, whatever its targets are: a softmax-linear Hessian does not depend on them.

    Args:
        features: `(N, D)`.
        probabilities: `(B, K, N)` softmax at w* of each problem.
        weights: `(B, N)` ω.
        ridge: r.
        vector: v, side by side.
    """
    along = vector.columns(features)
    slope = along.sub_((probabilities * along).sum(dim=1, keepdim=True)).mul_(probabilities).mul_(weights[:, None])
    weight = (slope.flatten(0, 1) @ features).view_as(vector.weight)
    return LinearHead(weight.add_(vector.weight, alpha=1 / ridge), slope.sum(dim=2))


def solve(
    features: Tensor,
    probabilities: Tensor,
    weights: Tensor,
    ridge: float,
    right: LinearHead,
    steps: int,
    scaling: Scaling,
) -> LinearHead:
    """u = H⁻¹ right by preconditioned conjugate gradients from 0, for several problems side by side.

    Args:
        features: `(N, D)`.
        probabilities: `(B, K, N)` softmax at w* of each problem.
        weights: `(B, N)` ω.
        ridge: r.
        steps: At most this many; fewer once the residual has fallen by 1e-10.
        scaling: Coordinates in which H is nearly round.
    """
    # Shifting all biases together changes no probability: H is singular along it, and `right` orthogonal to it.
    solution, residual = LinearHead(torch.zeros_like(right.weight), torch.zeros_like(right.bias)), right
    direction = scaled = scaling.smoothed(residual)
    squared = _dot(residual, scaled)
    first = squared
    for _ in range(steps):
        open_ = squared > 1e-20 * first
        if not bool(open_.any()):
            break
        product = inner_hessian_product(features, probabilities, weights, ridge, direction)
        step = torch.where(open_, squared / _dot(direction, product), 0)
        solution = _add(solution, direction, step)
        residual = _add(residual, product, -step)
        scaled = scaling.smoothed(residual)
        after = _dot(residual, scaled)
        direction = _add(scaled, direction, torch.where(open_, after / squared, 0))
        squared = torch.where(open_, after, squared)
    return solution


def cross_entropy_gradient(features: Tensor, log_probabilities: Tensor, labels: Tensor, weights: Tensor) -> LinearHead:
    """∇ of the summed cross-entropy of labelled rows, with respect to the head.

    Args:
        features: `(N, D)`.
        log_probabilities: `(N, K)` at w*.
        labels: `(N,)`.
        weights: `(N,)` how much each row counts.
    """
    slope = log_probabilities.exp()
    slope[torch.arange(len(labels)), labels] -= 1
    slope *= weights[:, None]
    return LinearHead(slope.T @ features, slope.sum(dim=0))


def _dot(a: LinearHead, b: LinearHead) -> Tensor:
    return (a.weight * b.weight).sum(dim=(1, 2)) + (a.bias * b.bias).sum(dim=1)


def _add(a: LinearHead, b: LinearHead, factor: Tensor) -> LinearHead:
    return LinearHead(a.weight + factor[:, None, None] * b.weight, a.bias + factor[:, None] * b.bias)
