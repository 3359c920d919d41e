"""Dawid and Skene's way: how each source errs and what each row is, found by EM from opinions alone.

Only the opinions on a row are used: silence says nothing, and trusted rows take no part. The
start is the share of votes; each round takes T_s[c, j] ∝ Σ_i P(c | y'_i) [y'_is = j], the shares of the classes, and
then P(c | y'_i) ∝ π_c Π_s T_s[c, y'_is].

Source: Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied
Statistics 28 (1979).

Legend: N rows, S sources, K classes.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from labelfix.data.arrays import Floats
from labelfix.data.opinions import Opinions
from labelfix.numerics.source_terms import Spoken

ROUNDS, TOLERANCE = 100, 1e-5
"""EM rounds at most, and the gain in mean log-likelihood a row at which they end."""

SMALLEST = 1e-10
"""Probabilities below it are taken as it, as crowd-kit does."""


def dawid_skene(opinions: Opinions, classes: int) -> Floats:
    """`(N, K)` log P(y | y'_1..S); rows without an opinion get the shares of the classes."""
    spoken = Spoken.of(opinions, classes)
    votes = opinions.votes(classes).astype(np.float64)
    heard = votes.sum(axis=1) > 0
    p = votes[heard] / votes[heard].sum(axis=1, keepdims=True)
    part, before = spoken[heard], -np.inf
    joint = np.zeros_like(p)
    log_shares = np.zeros(classes)
    for _ in range(ROUNDS):
        log_shares = np.log(np.maximum(p.mean(axis=0), SMALLEST))
        counts = part.counts(p)[:, :, :-1]
        matrices = counts / np.maximum(counts.sum(axis=2, keepdims=True), SMALLEST)
        cells = np.log(np.maximum(matrices, SMALLEST)).transpose(0, 2, 1).reshape(-1, classes)
        joint = part.says @ cells + log_shares
        log_p = log_softmax(joint, axis=1)
        likelihood = float((joint - log_p)[:, 0].mean())
        p = np.exp(log_p)
        if likelihood - before < TOLERANCE:
            break
        before = likelihood
    found = np.broadcast_to(log_softmax(log_shares), (len(opinions), classes)).copy()
    found[heard] = log_softmax(joint, axis=1)
    return found
