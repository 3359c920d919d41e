"""Which rows are worth a person's answer.

An answer corrects a label where the corrected label is wrong, so a row is worth P(corrected label is wrong) = 1 − soft
label of the corrected class: not the rows whose given label is surely wrong, which are corrected without anyone's help.
Chosen greedily, each choice lowers what rows near it are worth, because its answer will speak for them, and what rows
of the class that was asked about are worth, so that all classes are covered.

Legend: N rows, n candidates, D features, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import Codes, Probabilities

CANDIDATES = 10
"""Rows considered for each one wanted: those worth most."""

TWIN = 0.97
"""Cosine of features from which an answer speaks for the other row too, which is then not asked about."""

COVERAGE = 0.25
"""How fast a class that is asked about more often than others becomes worth less."""


def worth(soft: Probabilities, corrected: Codes) -> npt.NDArray[np.float64]:
    """`(N,)` P(corrected label is wrong).

    Args:
        soft: `(N, K)` soft labels.
        corrected: `(N,)` corrected labels.
    """
    return 1 - soft[np.arange(len(soft)), corrected].astype(np.float64)


def candidates(value: npt.NDArray[np.float64], usable: npt.NDArray[np.bool_], count: int) -> Codes:
    """The rows worth most, best first; at most `CANDIDATES` times as many as are wanted.

    Args:
        value: `(N,)` of `worth`.
        usable: `(N,)` False for rows that nobody may be asked about: trusted ones.
    """
    order = np.argsort(-value, kind="stable")
    return order[usable[order]][: CANDIDATES * count].astype(np.int64)


def choose(value: npt.NDArray[np.float64], suggested: Codes, features: Probabilities, count: int) -> Codes:
    """Positions among the candidates, in the order to ask.

    Args:
        value: `(n,)` what each is worth.
        suggested: `(n,)` its suggested class.
        features: `(n, D)` of length 1.
    """
    left = np.ones(len(value), dtype=bool)
    asked = np.zeros(int(suggested.max(initial=0)) + 1)
    classes = max(len(np.unique(suggested)), 1)
    chosen: list[int] = []
    while len(chosen) < count and left.any():
        fair = np.maximum(asked[suggested] - len(chosen) / classes, 0) / max(count / classes, 1)
        now = np.where(left, value / (1 + COVERAGE * fair), -np.inf)
        best = int(now.argmax())
        chosen.append(best)
        asked[suggested[best]] += 1
        left &= features @ features[best] < TWIN
        left[best] = False
    return np.array(chosen, dtype=np.int64)
