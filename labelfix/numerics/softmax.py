"""Softmax and its logarithm, row by row, in the precision of what they are given.

Legend: N rows, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import Probabilities


def softmax(scores: npt.NDArray[np.floating]) -> Probabilities:
    """`(N, K)` rows of scores to float32 probabilities."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)


def log_softmax(scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`(N, K)` log-probabilities of rows of scores."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
