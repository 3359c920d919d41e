"""f_g, a head that learns the trusted rows alone; words for the classes may be where it starts.

Legend: N noisy rows, M trusted rows, D features, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.heads.discriminants import fit_trusted_discriminants
from labelfix.heads.folds import (
    CrossFitted,
    assembled,
    likeliest,
)
from labelfix.heads.near_another_head import drawn_to
from labelfix.heads.rows import NOISY_SAMPLE, FitRows
from labelfix.numerics.linear_heads import (
    LinearHead,
)

TRUSTED_RIDGES = (1.0, 10.0, 100.0, 1000.0)
"""Candidates for r of f_g."""

DESCRIBED_SCALES = (10.0, 30.0)
"""What the features of classes' own words, of about unit norm, are multiplied by to be weights: cosines of a sentence
encoder differ by a tenth or two between classes."""

DESCRIBED_RIDGES = (1.0, 10.0, 100.0)
"""Candidates for r of a head that is drawn to the classes' own words."""

CLEARLY, MOST_ERRORS = 2.0, 3.0
"""Of a gain by the classes' words, in standard errors: how much is clear, and how much one side counts at most, so that
given labels, which may have been made from such words, never outweigh trusted rows that lose more than one. With two
trusted rows a class, five draws, both together gain 2.2 to 5.9 on NoisyAG-News, where class names raise accuracy by a
quarter, and at most 1.8 on TREC, whose codes lower it by a hundredth."""

DRAWN_SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Shares of given labels that a head cannot explain."""


def fit_trusted_only(rows: FitRows) -> CrossFitted:
    """f_g, regularised as out-of-fold likelihood likes it best; of very many classes discriminants.

    Where the classes have words of their own, weights are drawn towards these words' features instead of zero, if that
    is clearly better; see `fits_better`.
    """
    return rows.once("trusted-only", lambda: _fit_trusted_only(rows))


def _fit_trusted_only(rows: FitRows) -> CrossFitted:
    if rows.many_classes and rows.described is None:
        return fit_trusted_discriminants(rows)
    truth, zero = rows.truth.numpy(), LinearHead.zeros(rows.num_classes, rows.clean.shape[1])
    plain = likeliest(drawn_to(rows, zero, TRUSTED_RIDGES), truth)[1]
    if rows.described is None:
        return plain
    starts = [LinearHead(rows.described * scale, zero.bias) for scale in DESCRIBED_SCALES]
    drawn = likeliest([each for start in starts for each in drawn_to(rows, start, DESCRIBED_RIDGES)], truth)[1]
    of_noisy = rows.subset(rows.sample(NOISY_SAMPLE))
    gain = plain.losses(truth) - drawn.losses(truth)
    every = [(plain.full, drawn.full, gain)]
    every += [
        (one, other, gain[rows.folds.outside(fold)])
        for fold, (one, other) in enumerate(zip(plain.without, drawn.without, strict=True))
    ]
    return assembled([plain, drawn], [int(fits_better(of_noisy, *each)) for each in every])


def fits_better(rows: FitRows, plain: LinearHead, drawn: LinearHead, gain: npt.NDArray[np.float64]) -> bool:
    """Whether a head that is drawn to the classes' words is clearly better than one that is not.

    A few trusted rows can hardly tell by themselves. The given labels of the noisy rows, which neither head has seen,
    tell as well: each is what the head says with probability 1 - e and else drawn from all given labels, at the e that
    suits the head best; since rows of a class go wrong together, the mean of each class counts as one figure. Gains
    on both sides are counted in standard errors and added up.

    Args:
        plain: A head of trusted rows.
        drawn: One of the same trusted rows, drawn to the words.
        gain: By how much the second has a lower loss on trusted rows that neither has seen.
    """
    if not len(rows.given):
        return False
    classes, counts = np.unique(rows.given.numpy(), return_counts=True)
    likelier = (_of_given(rows, drawn) - _of_given(rows, plain)).double().numpy()
    of_classes = np.bincount(rows.given.numpy(), likelier, rows.num_classes)[classes] / counts
    return _errors(gain) + _errors(of_classes) > CLEARLY


def _errors(gains: npt.NDArray[np.float64]) -> float:
    """How many standard errors the mean of some figures lies above 0, at most `MOST_ERRORS`."""
    if len(gains) < 2:
        return 0.0
    error = max(float(gains.std(ddof=1)) / np.sqrt(len(gains)), 1e-12)
    return min(float(gains.mean() / error), MOST_ERRORS)


def _of_given(rows: FitRows, head: LinearHead) -> Tensor:
    """`(N,)` log-likelihood of the given labels by a head, some of them being drawn from all."""
    said = head.log_probabilities(rows.noisy).exp()[torch.arange(len(rows.given)), rows.given]
    shares = torch.bincount(rows.given, minlength=rows.num_classes)[rows.given] / len(rows.given)
    mixed = [torch.log((1 - drawn) * said + drawn * shares) for drawn in DRAWN_SHARES]
    return max(mixed, key=lambda each: float(each.mean()))
