"""Fitting the scale that calibrates soft labels on trusted rows; `correctors.calibrated` applies it.

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
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.softmax import log_softmax
from labelfix.numerics.temperature import fit_temperature

Kind = Literal["none", "temperature", "vector"]

PRIOR = 4.0
"""Weight of vector scaling's prior (b = 0 and s = 1, standard deviation 1), in rows per class."""


UNSEEN = 0.05
"""With more noisy rows whose label is a class without a trusted row classes are not scaled one by one: of 2,000 rows
whose 150 trusted ones were of one of four classes nearly all were called that one (.19 right; .86 without)."""


def kinds_for(truth: Codes, given: Codes) -> tuple[Kind, ...]:
    """Scalings that trusted rows can tell: a class that none of them is of would only be made less likely.

    Args:
        truth: `(R,)` their true classes.
        given: `(N,)` given labels of the noisy rows.
    """
    unseen = np.isin(given, truth, invert=True).mean()
    return ("temperature",) if unseen > UNSEEN else ("temperature", "vector")


def fit_scale(kind: Kind, log_p: Floats, truth: Codes, weights: Floats) -> Scale:
    """The scale that maximises the likelihood of true classes.

    Args:
        kind: One temperature, or a slope and a shift for each class.
        log_p: `(R, K)` log-probabilities.
        truth: `(R,)` true classes.
        weights: `(R,)` weights of the rows.
    """
    start = Scale.none(log_p.shape[1])
    if kind == "none" or weights.sum() <= 0:
        return start
    if kind == "temperature":
        return Scale(start.slope / fit_temperature(log_p, truth, weights), start.shift)
    return _fit_vector(log_p, truth, weights)


def _fit_vector(log_p: Floats, truth: Codes, weights: Floats) -> Scale:
    classes, rows = log_p.shape[1], weights.sum()

    def loss(points: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        parameters = points[0].numpy()
        slope, shift = parameters[:classes], parameters[classes:]
        pull = PRIOR * np.concatenate([slope - 1, shift])
        value, slopes = 0.5 * pull @ pull / PRIOR, pull
        for part in row_blocks(*log_p.shape):
            scores, right, weight = log_p[part], truth[part, None], weights[part, None]
            log_q = log_softmax(slope * scores + shift)
            value -= (weight * np.take_along_axis(log_q, right, 1)).sum()
            residual = np.exp(log_q, out=log_q)
            np.put_along_axis(residual, right, np.take_along_axis(residual, right, 1) - 1, 1)
            residual *= weight
            slopes = slopes + np.concatenate([(residual * scores).sum(axis=0), residual.sum(axis=0)])
        return torch.tensor([value / rows]), torch.from_numpy(slopes / rows)[None]

    begin = torch.cat([torch.ones(classes), torch.zeros(classes)]).double()
    best = search(loss, begin[None], 200, 1e-10)[0].numpy()
    return Scale(best[:classes], best[classes:])
