"""What a second head adds to a classifier's logits: in use, and in the file of a corrector.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Floats, Singles
from labelfix.numerics.affine import Affine
from labelfix.numerics.softmax import log_softmax

WEIGHT, BIAS = "turn_weight", "turn_bias"


def turned(log_f: Floats, turn: Affine | None, hidden: npt.NDArray[np.floating], rows: npt.NDArray[Any]) -> Floats:
    """`(n, K)` log-probabilities of some rows by the classifier with what is added to its logits.

    Args:
        log_f: `(N, K)` those of the classifier alone.
        turn: What is added, read off h(x); None where nothing is.
        hidden: `(N, D)` h(x); read only for a `turn`.
    """
    seen: Floats = log_f[rows]
    return seen if turn is None else np.asarray(log_softmax(seen + turn(hidden[rows])))


def arrays_of(turn: Affine | None) -> dict[str, Singles]:
    """Its arrays by name, for saving."""
    return {} if turn is None else {WEIGHT: turn.weight, BIAS: turn.bias}


def shapes_of(classes: int, width: int) -> dict[str, tuple[int, ...]]:
    """The shapes of `arrays_of`, where there are any."""
    return {WEIGHT: (classes, width), BIAS: (classes,)}


def turn_of(arrays: Mapping[str, Singles]) -> Affine | None:
    """The inverse of `arrays_of`; None where nothing was saved."""
    return Affine(arrays[WEIGHT], arrays[BIAS]) if WEIGHT in arrays else None
