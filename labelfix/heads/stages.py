"""Cross-fitted heads and matrices as arrays, so that a killed run need not fit them again.

Legend: M trusted rows, D features, K classes, F folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from labelfix.compute.checkpoints import Checkpoints, settled
from labelfix.compute.freed_memory import give_back
from labelfix.heads.folds import CrossFitted
from labelfix.numerics.linear_heads import LinearHead

Arrays = Mapping[str, np.ndarray]
Compute = Callable[[], dict[str, np.ndarray]]
Keep = Callable[[str, Compute], dict[str, np.ndarray]]
"""Computes a part of a stage, or recalls it by its name."""

WORTH_KEEPING = 1.0
"""A part of the judging is kept if it took at least this many seconds: there are a dozen parts, and a small run should
not wait for the disk a dozen times. A killed run repeats less than this for each part."""


def stage(
    checkpoints: Checkpoints | None, name: str, compute: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays of a stage, computed now or kept from before an interruption; see `Checkpoints.stage`."""
    arrays = settled(compute()) if checkpoints is None else checkpoints.stage(name, compute)
    give_back()
    return arrays


def judging_stage(
    checkpoints: Checkpoints | None, name: str, compute: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The same for a part of the judging after training, kept only where it took long; see `WORTH_KEEPING`."""
    return settled(compute()) if checkpoints is None else checkpoints.stage(name, compute, WORTH_KEEPING)


def part_of(checkpoints: Checkpoints | None, stage: str, part: str, compute: Compute) -> dict[str, np.ndarray]:
    """The same for a part of a stage of its own, which is computed in parts because it may take minutes."""
    return judging_stage(checkpoints, f"{stage}-{part}", compute)


def cross_fitted_stage(checkpoints: Checkpoints | None, name: str, compute: Callable[[], CrossFitted]) -> CrossFitted:
    """A stage whose result is one cross-fitted head."""
    return from_arrays(stage(checkpoints, name, lambda: to_arrays(compute())))


def to_arrays(fitted: CrossFitted, prefix: str = "") -> dict[str, np.ndarray]:
    """A cross-fitted head as arrays: `(F + 1, K, D)`, `(F + 1, K)`, `(M, K)` and `(M,)`, the full fit first."""
    heads = heads_to_arrays((fitted.full, *fitted.without), prefix)
    rest = {"held": fitted.held, "by": fitted.by, "temperatures": fitted.temperatures}
    return heads | {f"{prefix}{name}": value for name, value in rest.items()}


def from_arrays(arrays: Arrays, prefix: str = "") -> CrossFitted:
    """The inverse of `to_arrays`."""
    full, *without = heads_from_arrays(arrays, prefix)
    held, by, temperatures = (arrays[f"{prefix}{name}"] for name in ("held", "by", "temperatures"))
    return CrossFitted(full, tuple(without), held, by, temperatures)


def heads_to_arrays(heads: Sequence[LinearHead], prefix: str = "") -> dict[str, np.ndarray]:
    """Heads stacked into two arrays, weights and biases."""
    return {
        f"{prefix}weight": torch.stack([head.weight for head in heads]).numpy(),
        f"{prefix}bias": torch.stack([head.bias for head in heads]).numpy(),
    }


def heads_from_arrays(arrays: Arrays, prefix: str = "") -> list[LinearHead]:
    """The inverse of `heads_to_arrays`; each head has its own memory."""
    weights, biases = (torch.from_numpy(arrays[f"{prefix}{part}"]) for part in ("weight", "bias"))
    return [LinearHead(weight.clone(), bias.clone()) for weight, bias in zip(weights, biases, strict=True)]
