"""L-BFGS for several smooth problems side by side, in coordinates in which each is nearly round.

Every problem has its own step lengths, history and end; all that still go on are evaluated at once. The first step is
the gradient's own, as the coordinates make the Hessian about 1. A step is halved, or cut to where a parabola through
what is known has its minimum, until the loss falls enough (Armijo); pairs along which the gradient does not grow are
left out, so that the search also comes down on losses that are not convex.

Source: Nocedal and Wright, "Numerical Optimization", 2006, algorithms 7.4 and 3.1.

Legend: B problems, b of them still searched, P coordinates.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""`(b, P)` points, and `(b,)` which problems they are of → `(b,)` float64 losses, `(b, P)` gradients."""

MEMORY = 10
"""Steps that are remembered."""

ENOUGH = 1e-4
"""Share of the fall that the slope promises, which a step must reach."""

SMALLEST = 1e-5
"""A gradient with no entry above this has ended its search, and so has one with a step below it."""

Pair = tuple[Tensor, Tensor, Tensor, Tensor]
"""A step and the change of the gradient, `(B, P)`; `(B,)` one over their product, 0 where there is none; and `(B,)` the
curvature's inverse along them, where H⁻¹ starts."""


def search(loss: Loss, start: Tensor, iterations: int, tolerance: float) -> Tensor:
    """`(B, P)` the minima.

    Args:
        start: `(B, P)` where they begin.
        iterations: At most that many steps each.
        tolerance: Relative fall of the loss below which a search ends.
    """
    problems = len(start)
    point, which = start.clone(), torch.arange(problems)
    value, gradient = loss(point, which)
    length, steps = torch.ones_like(value), torch.zeros_like(which)
    pairs: list[Pair] = []
    direction = -gradient
    which = which[gradient.abs().amax(dim=1) > SMALLEST]
    while len(which) and iterations:
        whole = len(which) == problems
        step = _of(direction, which, whole) * length[which, None].to(start.dtype)
        before = _of(gradient, which, whole)
        slope = (before * step).sum(dim=1).double()
        trial = _of(point, which, whole) + step
        found, after = loss(trial, which)
        fall = value[which] - found
        taken = (fall >= -ENOUGH * slope) & torch.isfinite(found)
        little = tolerance * value[which].abs().clamp_min(1)
        done = torch.where(taken, fall <= little, (-slope <= little) | (length[which] < SMALLEST))
        done |= taken & (after.abs().amax(dim=1) <= SMALLEST)
        steps[which] += taken.long()
        done |= steps[which] >= iterations
        # Where the parabola through loss, slope and the new loss has its minimum, within reason.
        lowest = (-slope / (2 * (-fall - slope)).clamp_min(1e-300)).nan_to_num(0.1).clamp(0.1, 0.5)
        length[which] = torch.where(taken, 1.0, length[which] * lowest)
        pairs = [*pairs[-MEMORY + 1 :], _pair(step, after - before, taken, which, problems)]
        moved = which[taken]
        if len(moved):
            point[moved], gradient[moved], value[moved] = trial[taken], after[taken], found[taken]
        which = which[~done]
        moved = moved[torch.isin(moved, which)]
        if len(moved):
            direction[moved] = _direction(gradient, pairs, moved, len(moved) == problems)
    return point


def _of(values: Tensor, which: Tensor, whole: bool) -> Tensor:
    return values if whole else values[which]


def _pair(step: Tensor, change: Tensor, taken: Tensor, which: Tensor, problems: int) -> Pair:
    product, square = (step * change).sum(dim=1), change.pow(2).sum(dim=1)
    good = taken & (product > 1e-10 * square)
    inverse = torch.where(good, 1 / product, 0)
    if not bool(good.all()):
        step, change = torch.where(good[:, None], step, 0), torch.where(good[:, None], change, 0)
    pair = step, change, inverse, 1 / (inverse * square).clamp_min(1e-30)
    if len(which) == problems:
        return pair
    step, change, inverse, scale = (values.new_zeros(problems, *values.shape[1:]) for values in pair)
    step[which], change[which], inverse[which], scale[which] = pair
    return step, change, inverse, scale


def _direction(gradient: Tensor, pairs: list[Pair], which: Tensor, whole: bool) -> Tensor:
    """−H⁻¹ g by the two loops; H⁻¹ starts as one number, that of the last pair."""
    result, factors = _of(gradient, which, whole).clone(), []
    known = [tuple(_of(values, which, whole) for values in pair) for pair in pairs]
    scale = result.new_ones(len(which))
    for *_, inverse, newest in known:
        scale = torch.where(inverse > 0, newest, scale)
    for step, change, inverse, _ in reversed(known):
        factor = inverse * (step * result).sum(dim=1)
        result -= factor[:, None] * change
        factors.append(factor)
    result *= scale[:, None]
    for (step, change, inverse, _), factor in zip(known, reversed(factors), strict=True):
        result += (factor - inverse * (change * result).sum(dim=1))[:, None] * step
    return -result
