"""How much each view of a row weighs: what makes left-out given labels likeliest.

Views have unit norm and one penalty holds all their weights, so a view that says little crowds out the others unless it
weighs less. Heads fitted to the given labels of four fifths of some noisy rows say how likely the labels of the other
fifth are; each fifth in turn, or only some of them where classes are many. No trusted row takes part, so trusted rows
may judge the result.

Legend: N noisy rows, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
"""Candidates; the first view weighs 1."""

OF_TABLE = (*WEIGHTS, 1.4, 2.0, 4.0)
"""What the linear view of a table may weigh beside 1 of the other, before the larger one is made 1."""

HANDED = (0.0, 0.5, 1.0)
"""What the part of an image that says which way round it is may weigh beside the other: it says nothing of most
photographs, and all that tells b from d."""

MOST, VIEW_FOLDS = 4_000, 5
"""Rows used at most, and the parts of which each is left out in turn."""

RIDGES = (1.0, 10.0)
"""Candidates for r of the heads, as for n(y'|x); for each weight the better one counts."""

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


def choose_weights(
    parts: Sequence[Features],
    rows: Codes,
    given: Codes,
    offered: Sequence[float] = WEIGHTS,
    or_alone: bool = False,
) -> tuple[float, ...]:
    """The weight of each view.

    Which rows are used, and which are left out, depends on their content and not on their order; rows of the same
    content are on the same side.

    Args:
        parts: For each view `(N, D)` features, rows of unit norm.
        rows: `(n,)` indices of the noisy rows.
        given: `(n,)` their given labels.
        offered: What each but the first may weigh. `OF_TABLE` is for the two views of a table: either may weigh more.
        or_alone: Whether the first of two views weighs 0 where the other alone is not worse by a standard error: of few
            rows, or where classes are linear, the first of a table does harm.
    """
    weights = [1.0] * len(parts)
    if len(parts) < 2 or len(given) < 2 * VIEW_FOLDS:
        return tuple(weights)
    whole = SelectedInputs(_SideBySide(parts), rows)
    used = by_content(whole, np.arange(len(rows), dtype=np.int64), given)[:MOST]
    features, labels = [part[rows[used]] for part in parts], np.unique(given[used], return_inverse=True)[1]
    of = torch.from_numpy((content_keys(whole, used) % np.uint64(VIEW_FOLDS)).astype(np.int64))
    if len(of.unique()) < 2:
        return tuple(weights)
    labelled = torch.from_numpy(labels), of
    losses: dict[float, Losses] = {}
    for view in range(1, len(parts)):
        for weight in offered:
            weights[view] = weight
            losses[weight] = _losses(joined(features, _at_most_one(weights)), *labelled)
        weights[view] = min(reversed(offered), key=lambda weight: float(losses[weight].mean()))
    if or_alone and not surely_more(_losses(features[1], *labelled), losses[weights[1]]):
        return 0.0, 1.0
    return _at_most_one(weights)


def _at_most_one(weights: Sequence[float]) -> tuple[float, ...]:
    return tuple(weight / max(weights) for weight in weights)


def _losses(features: Features, labels: torch.Tensor, of: torch.Tensor) -> Losses:
    """`(n,)` −log P of the labels of rows by heads that have not learned them, with the better r."""
    classes = int(labels.max()) + 1
    problem = Regressions(torch.from_numpy(features), labels, of, classes, None, ITERATIONS, TOLERANCE)
    left_out = of.unique()[: searched_at_once(classes)].tolist()
    found = []
    for ridge in RIDGES:
        heads = problem.fit([(ridge, part) for part in left_out], [problem.zeros()] * len(left_out))
        of_parts = [problem.left_out_losses(head, part) for head, part in zip(heads, left_out, strict=True)]
        found.append(torch.cat(of_parts).double().numpy())
    return min(found, key=lambda losses: float(losses.mean()))
