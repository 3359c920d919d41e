"""How much each view of a row weighs: what makes left-out given labels likeliest.

Views have unit norm and one penalty holds all their weights, so a view that says little crowds out the others unless it
weighs less. Heads fitted to the given labels of four fifths of some noisy rows say how likely the labels of the other
fifth are; each fifth in turn, or only some of them where classes are many. No trusted row takes part, so trusted rows
may judge the result.

Legend: N noisy rows, D features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from labelfix.data.arrays import Floats as Losses
from labelfix.data.tables import Codes
from labelfix.heads.regressions import Regressions
from labelfix.models.features import SelectedInputs
from labelfix.models.images.augment import Key
from labelfix.models.network_inputs import by_content, content_keys
from labelfix.models.views import Features, joined
from labelfix.numerics.linear_heads import searched_at_once
from labelfix.numerics.paired_losses import surely_more

WEIGHTS = (0.25, 0.5, 0.7, 1.0)
"""What every view but the first may weigh; the first weighs 1."""

BEGIN = 0.7
"""The weight that the search begins at."""

OF_TABLE = (*WEIGHTS, 1.4, 2.0, 4.0)
"""What the linear view of a table may weigh beside 1 of the other, before the larger one is made 1."""

HANDED = (0.0, 0.5, 1.0)
"""What the part of an image that says which way round it is may weigh beside the other: it says nothing of most
photographs, and all that tells b from d."""

MOST, VIEW_FOLDS = 4_000, 5
"""Rows used at most, and the parts of which each is left out in turn."""

RIDGES = (0.3, 1.0, 3.0, 10.0)
"""Candidates for r of the heads. One is chosen before the weights are, and rows of whatever weights have the same
length meanwhile: longer rows are like a larger r, and where r is far from its best that would choose the weights."""

OF_TWO_RIDGES = (1.0, 10.0)
"""The same where all weights are tried; for each of them the better one counts."""

ITERATIONS, TOLERANCE = 40, 1e-4
"""Of a head's search: the order of the candidates is clear long before their last digits."""


@dataclass(frozen=True)
class _SideBySide:
    """Views as inputs, concatenated one batch at a time."""

    parts: Sequence[Features]

    def __len__(self) -> int:
        return len(self.parts[0])

    def batch(self, rows: Codes, augment: Key | None = None) -> torch.Tensor:
        return torch.from_numpy(np.hstack([part[rows] for part in self.parts]))


@dataclass(frozen=True)
class _Sample:
    """Some noisy rows with their given labels.

    Attributes:
        features: For each view `(n, D)`.
        labels: `(n,)`.
        of: `(n,)` which fifth a row is in.
    """

    features: Sequence[Features]
    labels: torch.Tensor
    of: torch.Tensor

    def losses(self, weights: Sequence[float], ridge: float) -> Losses:
        """`(n,)` −log P of the labels of rows by heads that have not learned them."""
        classes = int(self.labels.max()) + 1
        features = torch.from_numpy(joined(self.features, weights))
        problem = Regressions(features, self.labels, self.of, classes, None, ITERATIONS, TOLERANCE)
        left_out = self.of.unique()[: searched_at_once(classes)].tolist()
        heads = problem.fit([(ridge, part) for part in left_out], [problem.zeros()] * len(left_out))
        of_parts = [problem.left_out_losses(head, part) for head, part in zip(heads, left_out, strict=True)]
        return torch.cat(of_parts).double().numpy()


def choose_weights(parts: Sequence[Features], rows: Codes, given: Codes) -> tuple[float, ...]:
    """The weight of each view, the largest 1: downhill from `BEGIN`, one view's weight by one step at a time.

    Which rows are used, and which are left out, depends on their content and not on their order; rows of the same
    content are on the same side.

    Args:
        parts: For each view `(N, D)` features, rows of unit norm.
        rows: `(n,)` indices of the noisy rows.
        given: `(n,)` their given labels.
    """
    if len(parts) < 2 or (sample := _sample(parts, rows, given)) is None:
        return (1.0,) * len(parts)

    @cache
    def loss(weights: tuple[float, ...], ridge: float) -> float:
        length = math.sqrt(sum(weight**2 for weight in weights) / len(weights))
        return float(sample.losses([weight / length for weight in weights], ridge).mean())

    weights = (1.0, *(BEGIN for _ in parts[1:]))
    ridge = min(RIDGES, key=lambda each: loss(weights, each))
    while (best := min((weights, *_near(weights)), key=lambda each: loss(each, ridge))) != weights:
        weights = best
    return weights


def choose_second(
    parts: Sequence[Features], rows: Codes, given: Codes, offered: Sequence[float], or_alone: bool = False
) -> tuple[float, ...]:
    """The weights of two views whose second may weigh anything from nothing to more than the first; all are tried.

    Args:
        parts: Two of `(N, D)` features, rows of unit norm.
        rows: `(n,)` indices of the noisy rows.
        given: `(n,)` their given labels.
        offered: What the second may weigh beside 1 of the first; the larger one is made 1 then.
        or_alone: Whether the first weighs 0 where the second alone is not worse by a standard error: of few rows, or
            where classes are linear, the first of a table does harm.
    """
    if (sample := _sample(parts, rows, given)) is None:
        return 1.0, 1.0

    def losses(weights: tuple[float, float]) -> Losses:
        tried = [sample.losses(weights, ridge) for ridge in OF_TWO_RIDGES]
        return min(tried, key=lambda each: float(each.mean()))

    alone = 0.0, 1.0
    found = {pair: losses(pair) for pair in ((1 / max(1, each), each / max(1, each)) for each in reversed(offered))}
    best = min(found, key=lambda pair: float(found[pair].mean()))
    return alone if or_alone and not surely_more(losses(alone), found[best]) else best


def _sample(parts: Sequence[Features], rows: Codes, given: Codes) -> _Sample | None:
    """At most `MOST` of the noisy rows; None where they are too few to leave some out."""
    if len(given) < 2 * VIEW_FOLDS:
        return None
    whole = SelectedInputs(_SideBySide(parts), rows)
    used = by_content(whole, np.arange(len(rows), dtype=np.int64), given)[:MOST]
    of = torch.from_numpy((content_keys(whole, used) % np.uint64(VIEW_FOLDS)).astype(np.int64))
    if len(of.unique()) < 2:
        return None
    labels = np.unique(given[used], return_inverse=True)[1]
    return _Sample([part[rows[used]] for part in parts], torch.from_numpy(labels), of)


def _near(weights: tuple[float, ...]) -> Iterator[tuple[float, ...]]:
    """Weights of which one view's is the next larger or smaller candidate."""
    for view, weight in enumerate(weights[1:], start=1):
        place = WEIGHTS.index(weight)
        for near in (*WEIGHTS[place + 1 : place + 2], *WEIGHTS[max(place - 1, 0) : place]):
            yield (*weights[:view], near, *weights[view + 1 :])
