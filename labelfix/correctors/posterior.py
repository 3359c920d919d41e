"""The corrector that is a posterior: what the classifier says and what the given label says, multiplied.

P(y | x, y') = softmax(β·[(1 − ς)·log f(x) + ς·log n(x)] + L[·, y']), with L a matrix of label terms (rows = true
class) and n a second head that learned the given labels as they are: where few of them are wrong it tells better than f
which ones. f and n are softmax-linear, so both together are one head.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from labelfix.data.arrays import Floats, Singles
from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, Codes, Logits, Probabilities
from labelfix.numerics.affine import Affine
from labelfix.numerics.softmax import log_softmax, softmax
from labelfix.runs.tensors import read_arrays

WEIGHT, BIAS = "turn_weight", "turn_bias"


@dataclass(frozen=True)
class PosteriorCorrector:
    """Soft label = softmax(β log f(x) + L[·, y']); rows without a given label get f(x).

    Attributes:
        label_terms: `(K, K)` L.
        turn: What is added to the logits, read off h(x): ς·(n − f) where n has a share; None where it has none.
    """

    label_terms: Floats
    beta: float
    temperature: float
    turn: Affine | None = None

    def soft_labels(
        self, logits: Logits, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
    ) -> Probabilities:
        """See `Corrector.soft_labels`; `hidden` is read only for a `turn`."""
        scores = log_softmax(logits.astype(np.float64) / self.temperature)
        labelled = given != UNLABELLED
        seen = turned(scores, self.turn, hidden, labelled)
        scores[labelled] = self.beta * seen + self.label_terms[:, given[labelled]].T
        return softmax(scores)

    def save(self, folder: Path) -> None:
        save_file({"label_terms": self.label_terms, **arrays_of(self.turn)}, folder / "model.safetensors")
        about = {"kind": "posterior", "beta": self.beta, "temperature": self.temperature}
        (folder / "corrector.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any], classes: int, width: int) -> PosteriorCorrector:
        """Read what `save` wrote; see `load_corrector`."""
        own = {"label_terms": (classes, classes)}
        arrays = read_arrays(folder / "model.safetensors", own, maybe=shapes_of(classes, width))
        beta, temperature = float(description["beta"]), float(description["temperature"])
        return cls(arrays["label_terms"], beta, temperature, turn_of(arrays))


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
