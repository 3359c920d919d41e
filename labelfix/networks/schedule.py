"""Learning rates over a run, and the order of rows: both are functions of (seed, epoch, step), without state."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from labelfix.data.tables import Codes

Schedule = Literal["cosine", "step", "constant", "linear"]

RISE = 0.1
"""Share of a run in which `linear` rises."""

BUCKET = 50
"""Batches whose rows are sorted by length together: enough to save most padding, few enough to mix the rows."""


def learning_rate_factor(schedule: Schedule, progress: float) -> float:
    """What the learning rate is multiplied by.

    Args:
        schedule: `cosine` falls to 0; `step` divides by ten at 2/3 and at 5/6 of the run, as epochs 80 and 100
            of 120 in the paper's code; `linear` rises from 0 in the first tenth and falls to 0; `constant` stays at 1.
        progress: Share of the run that is over, in [0, 1).
    """
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    if schedule == "step":
        return 1.0 if progress < 2 / 3 else 0.1 if progress < 5 / 6 else 0.01
    if schedule == "linear":
        return min(progress / RISE, (1 - progress) / (1 - RISE))
    return 1.0


def batches_of(
    pool: Codes, size: int, count: int | None, seed: int, epoch: int, stream: int, lengths: Codes | None = None
) -> list[Codes]:
    """An epoch's batches, drawn without replacement until the pool is used up, then from the whole pool again.

    Args:
        pool: Rows to draw from, at least one.
        size: Rows a batch; a smaller pool gives smaller batches.
        stream: Tells apart the streams of one epoch.
        lengths: How long every row is, by row number: batches then hold rows of similar length, in random order of the
            batches, so that little padding is computed. None for rows of one length.
    """
    generator = np.random.default_rng([seed, epoch, stream])
    size = min(size, len(pool))
    count = len(pool) // size if count is None else count
    passes = -(-count * size // len(pool))
    order = np.concatenate([generator.permutation(pool) for _ in range(passes)])[: count * size]
    if lengths is not None:
        return _buckets(order, size, lengths, generator)
    return [order[i * size : (i + 1) * size] for i in range(count)]


def _buckets(order: Codes, size: int, lengths: Codes, generator: np.random.Generator) -> list[Codes]:
    """Cut rows in random order into batches of similar length: sorted within buckets of many batches only."""
    bucket = BUCKET * size
    parts = [order[start : start + bucket] for start in range(0, len(order), bucket)]
    together = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
    batches = [together[start : start + size] for start in range(0, len(order), size)]
    return [batches[i] for i in generator.permutation(len(batches))]
