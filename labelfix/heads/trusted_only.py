"""f_g, a head fitted to the trusted rows alone, drawn towards class descriptions where these help.

Legend: N noisy rows, M trusted rows, D features, K classes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.heads.discriminants import fit_trusted_discriminants
from labelfix.heads.folds import CrossFitted, assembled, likeliest
from labelfix.heads.near_another_head import drawn_to
from labelfix.heads.rows import NOISY_SAMPLE, FitRows
from labelfix.numerics.linear_heads import LinearHead

TRUSTED_RIDGES = (1.0, 10.0, 100.0, 1000.0)
"""Candidates for r of f_g."""

DESCRIBED_SCALES = (10.0, 30.0)
"""Factors that turn the features of class descriptions, of about unit norm, into weights: cosines of a sentence encoder
differ by a tenth or two between classes."""

DESCRIBED_RIDGES = (1.0, 10.0, 100.0)
"""Candidates for r of a head that is drawn to the class descriptions."""

CLEARLY, MOST_ERRORS = 2.0, 3.0
"""Gains by the descriptions, in standard errors: above CLEARLY, trusted and given labels added, the descriptions are
used; each side counts at most MOST_ERRORS, so that given labels, which may have been made from the descriptions, never
outweigh trusted rows that lose more than one. With two trusted rows per class (five draws) the sum is 2.2 to 5.9 on
NoisyAG-News, where class names raise accuracy by a quarter, and at most 1.8 on TREC, whose codes lower it by a
hundredth."""

DRAWN_SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Candidates for e, the share of given labels that a head cannot explain: from nearly clean labels to mostly noise."""


def fit_trusted_only(rows: FitRows) -> CrossFitted:
    """f_g, with the r of the best out-of-fold likelihood; discriminants where classes are very many.

    Drawn per class, its trusted rows say nothing of how frequent a class is: that is added (`heads.class_ratio`).

    Where classes are described, weights are drawn towards the descriptions' features instead of zero if that is clearly
    better; see `fits_better`.
    """
    fitted = rows.once("trusted-only", lambda: _fit_trusted_only(replace(rows, folds=rows.folds.alike())))
    return fitted if rows.class_ratio is None else fitted.shifted(torch.from_numpy(np.log(rows.class_ratio)))


def _fit_trusted_only(rows: FitRows) -> CrossFitted:
    if rows.many_classes and rows.described is None:
        return fit_trusted_discriminants(rows)
    truth, zero = rows.truth.numpy(), LinearHead.zeros(rows.num_classes, rows.clean.shape[1])
    plain = likeliest(drawn_to(rows, zero, TRUSTED_RIDGES), truth)[1]
    if rows.described is None:
        return plain
    starts = [LinearHead(rows.described * scale, zero.bias) for scale in DESCRIBED_SCALES]
    drawn = likeliest([fit for start in starts for fit in drawn_to(rows, start, DESCRIBED_RIDGES)], truth)[1]
    of_noisy = rows.subset(rows.sample(NOISY_SAMPLE))
    gain = plain.losses(truth) - drawn.losses(truth)
    pairs = [(plain.full, drawn.full, gain)]
    pairs += [
        (one, other, gain[rows.folds.outside(fold)])
        for fold, (one, other) in enumerate(zip(plain.without, drawn.without, strict=True))
    ]
    return assembled([plain, drawn], [int(fits_better(of_noisy, *pair)) for pair in pairs])


def fits_better(rows: FitRows, plain: LinearHead, drawn: LinearHead, gain: npt.NDArray[np.float64]) -> bool:
    """Whether the head that is drawn to the class descriptions is clearly better than the one that is not.

    A few trusted rows can hardly tell by themselves, so the given labels of the noisy rows, which neither head has
    seen, count as well: with probability 1 - e a given label follows the head, else it is drawn from all given labels,
    with the e that suits the head best. Rows of a class go wrong together, so the mean of each class counts as one
    figure. Both gains are measured in standard errors and added.

    Args:
        plain: A head fitted to trusted rows.
        drawn: A head fitted to the same rows, drawn to the descriptions.
        gain: `(m,)` by how much `drawn` lowers the loss of trusted rows that neither has seen.
    """
    if not len(rows.given):
        return False
    classes, counts = np.unique(rows.given.numpy(), return_counts=True)
    likelier = (_of_given(rows, drawn) - _of_given(rows, plain)).double().numpy()
    of_classes = np.bincount(rows.given.numpy(), likelier, rows.num_classes)[classes] / counts
    return _errors(gain) + _errors(of_classes) > CLEARLY


def _errors(gains: npt.NDArray[np.float64]) -> float:
    """By how many standard errors the mean of some figures exceeds 0, at most `MOST_ERRORS`."""
    if len(gains) < 2:
        return 0.0
    error = max(float(gains.std(ddof=1)) / np.sqrt(len(gains)), 1e-12)
    return min(float(gains.mean() / error), MOST_ERRORS)


def _of_given(rows: FitRows, head: LinearHead) -> Tensor:
    """`(N,)` log-likelihood of the given labels by a head, with the best e of `DRAWN_SHARES`."""
    likelihood = head.log_probabilities(rows.noisy).exp()[torch.arange(len(rows.given)), rows.given]
    shares = torch.bincount(rows.given, minlength=rows.num_classes)[rows.given] / len(rows.given)
    mixed = [torch.log((1 - drawn) * likelihood + drawn * shares) for drawn in DRAWN_SHARES]
    return max(mixed, key=lambda losses: float(losses.mean()))
