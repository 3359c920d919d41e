"""How surprising a given label is, as a p-value: the null is "the given label is right".

A trusted row whose given label is right shows what label_score a rightly labelled row gets from a model that never saw
it. A noisy row is scored by the same models, and its p-value is the share of such trusted rows that look as bad:

    p(x) = (Σ over folds k, rows i of k of w_i [s_i ≤ s_k(x)] + w_new) / (Σ_i w_i + w_new)

With trusted rows drawn at random from the noisy file all weights are 1. Drawn per class, or without given labels of
their own, they are weighted by class so that their shares become those of the rightly labelled rows,
P(y)·T[y, y]. Noisy rows had a part in the models with their given label: they look better than they would, so that
p-values err towards caution; where a method can say what it would without each of them, that is asked instead. Of
rows drawn per class, where every class has many, a row is compared with those of its own class alone, and no weights
need to be estimated.

Sources: Vovk, Annals of Mathematics and AI 2015 (cross-conformal prediction); Tibshirani, Barber, Candès and Ramdas,
NeurIPS 2019 (weights); Bates, Candès, Lei, Romano and Sesia, Annals of Statistics 2023 (p-values for outliers, and
Benjamini–Hochberg over them).

Legend: N noisy rows, R calibration rows, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes, Sampling

SATURATED = 1 - 1e-5
"""A label_score above it counts as it: single precision orders what is nearer to 1 by how it was computed."""

MANY = 1_000
"""With this many rightly labelled trusted rows of every class, drawn per class, each has p-values of its own."""


@dataclass(frozen=True)
class Guarantee:
    """The basis of the p-values.

    Attributes:
        rows: R, trusted rows whose given label is right.
        effective_rows: (Σw)² / Σw²; R where all weigh the same.
        paired: Whether their given labels are their own.
        per_class: Whether rows are compared with those of their own class alone.
        assumption: What is assumed, a sentence; None where nothing is.
    """

    rows: int
    effective_rows: float
    paired: bool
    weighted: bool
    smallest_p: float
    assumption: str | None
    per_class: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def class_weights(classes: Codes, right: Floats, paired: bool, sampling: Sampling) -> Floats:
    """`(K,)` weight of a calibration row of each class, with mean 1 over the rows.

    Args:
        classes: `(R,)` of the calibration rows.
        right: `(K,)` how many noisy rows of each class are rightly labelled, P(y)·T[y, y], in any unit.
    """
    counts = np.bincount(classes, minlength=len(right)).astype(np.float64)
    if paired and sampling in ("random", "picked"):
        return np.ones(len(right))
    weights = np.where(counts > 0, right / np.maximum(counts, 1), 0)
    return np.asarray(weights * len(classes) / max(float((weights * counts).sum()), 1e-12))


def p_values(
    held: Floats, by: Codes, weight: Floats, scores: Iterable[npt.NDArray[np.floating]], of_new: Floats
) -> npt.NDArray[np.float32]:
    """`(N,)` p-values, in (0, 1].

    Args:
        held: `(R,)` label_score of the calibration rows, out of fold.
        by: `(R,)` the model that scored each.
        weight: `(R,)` of each.
        scores: label_score of the noisy rows by each model, `(N,)` each.
        of_new: `(N,)` what a calibration row of each noisy row's given class weighs: w_new.
    """
    below = np.zeros(len(of_new))
    held = np.minimum(held, SATURATED)
    for number, values in enumerate(scores):
        score = np.minimum(values.astype(np.float64), SATURATED)
        own = np.flatnonzero(by == number)
        order = own[np.argsort(held[own], kind="stable")]
        heaped = np.concatenate([[0.0], np.cumsum(weight[order])])
        below += heaped[np.searchsorted(held[order], score, side="right")]
    found = (below + of_new) / np.maximum(weight.sum() + of_new, 1e-12)
    clipped: npt.NDArray[np.float32] = np.clip(found, np.finfo(np.float32).tiny, 1).astype(np.float32)
    return clipped


def p_values_per_class(
    held: Floats, by: Codes, classes: Codes, scores: Sequence[npt.NDArray[np.floating]], given: Codes
) -> npt.NDArray[np.float32]:
    """`(N,)` p-values of rows among the calibration rows of their own given class.

    Args:
        held: `(R,)` as in `p_values`.
        by: `(R,)` likewise.
        classes: `(R,)` of the calibration rows.
        scores: As in `p_values`.
    """
    found = np.ones(len(given), dtype=np.float32)
    for c in np.unique(given):
        rows, inside = np.flatnonzero(classes == c), np.flatnonzero(given == c)
        own = (score[inside] for score in scores)
        found[inside] = p_values(held[rows], by[rows], np.ones(len(rows)), own, np.ones(len(inside)))
    return found
