"""The scale that makes soft labels of trusted rows likeliest; `correctors.calibrated` applies it.

Legend: R rows, K classes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from labelfix.correctors.calibrated import Scale
from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes
from labelfix.numerics.batched_search import search
from labelfix.numerics.softmax import log_softmax
from labelfix.numerics.temperature import fit_temperature

Kind = Literal["none", "temperature", "vector"]

PRIOR = 4.0
"""How many rows the prior of vector scaling, b = 0 and s = 1 with a standard deviation of 1, is worth a class."""


def fit_scale(kind: Kind, log_p: Floats, truth: Codes, weights: Floats) -> Scale:
    """The scale that makes a truth likeliest.

    Args:
        log_p: `(R, K)` log-probabilities.
        truth: `(R,)` true classes.
        weights: `(R,)` of the rows.
    """
    start = Scale.none(log_p.shape[1])
    if kind == "none" or weights.sum() <= 0:
        return start
    if kind == "temperature":
        return Scale(start.slope / fit_temperature(log_p, truth, weights), start.shift)
    return _fit_vector(log_p, truth, weights)


def _fit_vector(log_p: Floats, truth: Codes, weights: Floats) -> Scale:
    classes = log_p.shape[1]
    target = np.eye(classes)[truth]

    rows = weights.sum()

    def loss(points: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        parameters = points[0].numpy()
        slope, shift = parameters[:classes], parameters[classes:]
        log_q = log_softmax(slope * log_p + shift)
        residual = weights[:, None] * (np.exp(log_q) - target)
        pull = PRIOR * np.concatenate([slope - 1, shift])
        value = -(weights * (log_q * target).sum(axis=1)).sum() + 0.5 * pull @ pull / PRIOR
        slopes = np.concatenate([(residual * log_p).sum(axis=0), residual.sum(axis=0)]) + pull
        return torch.tensor([value / rows]), torch.from_numpy(slopes / rows)[None]

    begin = torch.cat([torch.ones(classes), torch.zeros(classes)]).double()
    found = search(loss, begin[None], 200, 1e-10)[0].numpy()
    return Scale(found[:classes], found[classes:])
