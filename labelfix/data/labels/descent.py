"""Newton's method for several small smooth problems side by side, in NumPy: what the core needs of an optimiser.

The curvature is measured by differences of the gradient. Where a problem bends the other way, the step goes down all
the same (its eigenvalues count without their sign), and it is shortened until the loss falls: Levenberg's damping.

Source: Dauphin et al., "Identifying and attacking the saddle point problem in high-dimensional non-convex
optimization", NeurIPS 2014 (eigenvalues without sign).

Legend: B problems, b of them, P coordinates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Floats

Loss = Callable[[Floats, npt.NDArray[np.int64]], tuple[Floats, Floats]]
"""`(b, P)` points, and `(b,)` which problems they are of → `(b,)` losses and `(b, P)` gradients."""

APART = 1e-5
"""Between two points whose gradients are subtracted."""

FLATTEST = 1e-13
"""A share of the largest eigenvalue: below it a direction makes no difference."""

MOST_DAMPED = 1e8
"""A step that does not help although it is damped so much is not worth a further try."""


def descend(loss: Loss, start: Floats, steps: int, fall: float) -> Floats:
    """`(B, P)` minima.

    Args:
        start: `(B, P)` where they begin.
        steps: At most this many each.
        fall: A problem is solved when a step would lower its loss by less than this.
    """
    point, which = start.copy(), np.arange(len(start))
    value, gradient = loss(point, which)
    damping = np.full(len(start), 1e-3)
    for _ in range(steps):
        bends, axes = np.linalg.eigh(_curvature(loss, point[which], which))
        bends = np.abs(bends)
        top = bends.max(axis=1, keepdims=True)
        along = np.einsum("bpq,bp->bq", axes, gradient[which])
        share = np.where(bends > FLATTEST * top, along / (bends + damping[which, None] * top), 0.0)
        step = -np.einsum("bpq,bq->bp", axes, share)
        promised = 0.5 * (along * share).sum(axis=1)
        trial = point[which] + step
        found, after = loss(trial, which)
        taken = found < value[which]
        moved = which[taken]
        point[moved], value[moved], gradient[moved] = trial[taken], found[taken], after[taken]
        damping[which] = np.maximum(damping[which] * np.where(taken, 0.1, 10.0), 1e-12)
        which = which[~np.where(taken, promised <= fall, damping[which] > MOST_DAMPED)]
        if not len(which):
            break
    return point


def _curvature(loss: Loss, point: Floats, which: npt.NDArray[np.int64]) -> Floats:
    """`(b, P, P)`, symmetric."""
    problems, width = point.shape
    ends = []
    for sign in (APART, -APART):
        beside = point[:, None, :] + sign * np.eye(width)
        _, gradient = loss(beside.reshape(-1, width), np.repeat(which, width))
        ends.append(gradient.reshape(problems, width, width))
    found = (ends[0] - ends[1]) / (2 * APART)
    return np.asarray((found + found.transpose(0, 2, 1)) / 2)
