"""The transition matrix behind a weak model of the given labels.

n(y'|x), averaged over the trusted rows of a class, is that class's row of T only where the model is sure of itself: an
unsure one says nearly the same of all rows, and T comes out nearly flat (`transition.expected_transition`). But the
rows given j are a mixture of the true classes, and so is what any model says of them:

    N[j] = Σ_c R[j, c] A[c],   A[c] = mean n(·|x) of the trusted rows of class c,   N[j] = the same of the rows given j,

with R[j, c] = P(y = c | y' = j). That holds for every model, sure or not, where noise depends on the class alone and
the model has not learned the rows by heart. R is solved for, and turned into T by Bayes' rule.

Source: the argument is that of Lipton, Wang and Smola, "Detecting and Correcting for Label Shift with Black Box
Predictors", ICML 2018, with each given label as a sample of shifted classes.

Legend: M trusted rows, S noisy rows, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes
from labelfix.numerics.transition import normalised

KEPT_SHARE = 0.5
"""The prior on R: a given label is right with this probability, and else says nothing."""

PRIOR_STRENGTH = 30.0
"""Weight of the prior, against squared errors in units of the variance of A's rows."""

SMOOTHING = 0.1
"""Share of every row of T that is the given labels' overall shares: an entry that was solved to zero is not known to
be zero."""

ROUNDS = 2000
"""Projected gradient steps; the problem has K × K unknowns."""


def recovered_transition(
    truth: Codes, of_clean: npt.NDArray[np.floating], given: Codes, of_noisy: npt.NDArray[np.floating], num_classes: int
) -> Floats:
    """T from the predictions of a model of the given labels on trusted and on noisy rows.

    Args:
        truth: `(M,)` trusted labels.
        of_clean: `(M, K)` n(y'|x) of the trusted rows, by a model that has not seen them.
        given: `(S,)` given labels of some noisy rows.
        of_noisy: `(S, K)` n(y'|x) of those.

    Returns:
        `(K, K)`, rows sum to 1, no entry is 0.
    """
    overall = of_clean.mean(axis=0)
    of_given = _means(of_noisy, given, num_classes, np.tile(overall, (num_classes, 1)))
    of_class = _means(of_clean, truth, num_classes, of_given)
    classes, labels = (np.bincount(codes, minlength=num_classes) / len(codes) for codes in (truth, given))
    prior = KEPT_SHARE * np.eye(num_classes) + (1 - KEPT_SHARE) * classes
    weight = len(truth) / num_classes / max(float(of_clean.var(axis=0).mean()), 1e-9)
    hessian = weight * of_class @ of_class.T + PRIOR_STRENGTH * np.eye(num_classes)
    step = 1 / float(np.linalg.eigvalsh(hessian)[-1])
    reverse = prior.copy()
    for _ in range(ROUNDS):
        slope = weight * (reverse @ of_class - of_given) @ of_class.T + PRIOR_STRENGTH * (reverse - prior)
        reverse = onto_simplex(reverse - step * slope)
    joint = (reverse * labels[:, None]).T + 1e-12 * np.eye(num_classes)
    matrix = joint / joint.sum(axis=1, keepdims=True)
    return normalised((1 - SMOOTHING) * matrix + SMOOTHING * labels)


def onto_simplex(rows: Floats) -> Floats:
    """The nearest rows of probabilities (Duchi et al., ICML 2008)."""
    ordered = -np.sort(-rows, axis=1)
    sums = ordered.cumsum(axis=1) - 1
    count = np.arange(1, rows.shape[1] + 1)
    support = (ordered - sums / count > 0).sum(axis=1)
    shift = sums[np.arange(len(rows)), support - 1] / support
    return np.asarray(np.maximum(rows - shift[:, None], 0.0))


def _means(values: npt.NDArray[np.floating], codes: Codes, num_classes: int, where_none: Floats) -> Floats:
    """The mean of each class's rows, and something else where it has none."""
    member = np.eye(num_classes)[codes]
    counts = member.sum(axis=0)
    means = member.T @ values.astype(np.float64) / np.maximum(counts, 1)[:, None]
    return np.where(counts[:, None] > 0, means, where_none)
