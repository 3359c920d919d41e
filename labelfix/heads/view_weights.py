"""How much each view of a row weighs: as the given labels that were left out like it best.

Views are of unit norm, and a penalty holds their weights alike: a view that says little crowds out the others unless it
weighs less. Heads of the given labels of four fifths of some noisy rows tell how likely the labels of the other fifth
are, each fifth in turn, or some of them where classes are many. No trusted row has a part in it, so that trusted rows
may judge what comes of it.

Legend: N noisy rows, D features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from labelfix.data.tables import Codes
from labelfix.models.features import FeatureInputs, content_keys
from labelfix.numerics.linear_heads import LinearHead, Scaling, cross_entropy_of, minimise_all, together

WEIGHTS = (0.25, 0.5, 0.7, 1.0)
"""Candidates; the first view weighs 1."""

MOST, PARTS = 4_000, 5
"""Rows that are asked at most, and the parts of which each is left out in turn."""

RIDGES = (1.0, 10.0)
"""r of the heads; of each weight the likelier one counts."""

ITERATIONS, TOLERANCE = 40, 1e-4
"""Of a head's search: the order of the candidates shows long before their last digits."""


def choose_weights(parts: Sequence[npt.NDArray[np.float32]], given: Codes) -> tuple[float, ...]:
    """The weight of each view.

    The rows that are asked, and which of them are left out, depend on what they hold and not on their order; rows of
    the same content are on the same side.

    Args:
        parts: `(N, D)` of each view, rows of unit norm.
        given: `(N,)` given labels.
    """
    weights = [1.0] * len(parts)
    if len(parts) < 2 or len(given) < 2 * PARTS:
        return tuple(weights)
    keys = content_keys(FeatureInputs(np.hstack(parts)), np.arange(len(given), dtype=np.int64))
    asked = np.lexsort((given, keys))[:MOST]
    some, labels = [part[asked] for part in parts], np.unique(given[asked], return_inverse=True)[1]
    of = torch.from_numpy((keys[asked] % np.uint64(PARTS)).astype(np.int64))
    if len(of.unique()) < 2:
        return tuple(weights)
    for view in range(1, len(parts)):
        losses = {}
        for weight in WEIGHTS:
            weights[view] = weight
            losses[weight] = _loss(joined(some, weights), torch.from_numpy(labels), of)
        weights[view] = min(reversed(WEIGHTS), key=lambda each: losses[each])
    return tuple(weights)


def joined(parts: Sequence[npt.NDArray[np.float32]], weights: Sequence[float]) -> npt.NDArray[np.float32]:
    """`(N, D)` views side by side, each times its weight."""
    return np.hstack([part * np.float32(weight) for part, weight in zip(parts, weights, strict=True)])


def _loss(features: npt.NDArray[np.float32], labels: torch.Tensor, of: torch.Tensor) -> float:
    """Mean −log P of the labels of rows by heads that have not learned them, at the better r."""
    rows, classes = torch.from_numpy(features), int(labels.max()) + 1
    left_out = of.unique()[: together(classes)].tolist()
    used = torch.stack([of != part for part in left_out]).float()
    zeros, losses = [LinearHead.zeros(classes, rows.shape[1])] * len(left_out), []
    for ridge in RIDGES:
        coordinates = [Scaling.of(rows, ridge, classes)] * len(left_out)
        ridges = [ridge] * len(left_out)
        heads = minimise_all(rows, cross_entropy_of(labels, used), ridges, zeros, coordinates, ITERATIONS, TOLERANCE)
        said = [
            head.log_probabilities(rows[of == part]).gather(1, labels[of == part][:, None])
            for head, part in zip(heads, left_out, strict=True)
        ]
        losses.append(-float(torch.cat(said).double().mean()))
    return min(losses)
