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
"""Of the fall that the slope promises, what a step must reach."""

SMALLEST = 1e-5
"""A gradient with no entry above this has ended its search, and so has one with a step below it."""

Pair = tuple[Tensor, Tensor, Tensor]
"""A step and the change of the gradient, `(B, P)`, and `(B,)` one over their product; 0 where there is none."""


def search(loss: Loss, start: Tensor, iterations: int, tolerance: float) -> Tensor:
    """`(B, P)` the minima.

    Args:
        start: `(B, P)` where they begin.
        iterations: At most that many steps each.
        tolerance: Relative fall of the loss below which a search ends.
    """
    point, which = start.clone(), torch.arange(len(start))
    value, gradient = loss(point, which)
    length, steps = torch.ones_like(value), torch.zeros_like(which)
    pairs: list[Pair] = []
    direction = -gradient
    which = which[gradient.abs().amax(dim=1) > SMALLEST]
    while len(which) and iterations:
        whole = len(which) == len(start)
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
        pairs = [*pairs[-MEMORY + 1 :], _pair(step, after - before, taken, which, len(start))]
        moved = which[taken]
        if len(moved):
            point[moved], gradient[moved], value[moved] = trial[taken], after[taken], found[taken]
        which = which[~done]
        moved = moved[torch.isin(moved, which)]
        if len(moved):
            direction[moved] = _direction(gradient, pairs, moved, len(moved) == len(start))
    return point


def _of(values: Tensor, which: Tensor, whole: bool) -> Tensor:
    return values if whole else values[which]


def _pair(step: Tensor, change: Tensor, taken: Tensor, which: Tensor, problems: int) -> Pair:
    product = (step * change).sum(dim=1)
    good = taken & (product > 1e-10 * change.pow(2).sum(dim=1))
    inverse = torch.where(good, 1 / product, torch.zeros_like(product))
    if not bool(good.all()):
        step, change = torch.where(good[:, None], step, 0), torch.where(good[:, None], change, 0)
    if len(which) == problems:
        return step, change, inverse
    whole = [values.new_zeros(problems, *values.shape[1:]) for values in (step, change, inverse)]
    for place, values in zip(whole, (step, change, inverse), strict=True):
        place[which] = values
    return whole[0], whole[1], whole[2]


def _direction(gradient: Tensor, pairs: list[Pair], which: Tensor, whole: bool) -> Tensor:
    """−H⁻¹ g by the two loops; H⁻¹ begins as one number, that of the last pair."""
    found, factors = _of(gradient, which, whole).clone(), []
    known = [tuple(_of(values, which, whole) for values in pair) for pair in pairs]
    scale = found.new_ones(len(which))
    for _, change, inverse in known:
        newest = 1 / (inverse * change.pow(2).sum(dim=1)).clamp_min(1e-30)
        scale = torch.where(inverse > 0, newest, scale)
    for step, change, inverse in reversed(known):
        factor = inverse * (step * found).sum(dim=1)
        found -= factor[:, None] * change
        factors.append(factor)
    found *= scale[:, None]
    for (step, change, inverse), factor in zip(known, reversed(factors), strict=True):
        found += (factor - inverse * (change * found).sum(dim=1))[:, None] * step
    return -found
