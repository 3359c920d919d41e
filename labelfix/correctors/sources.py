"""The corrector of several sources: what the classifier says and what each source says, multiplied.

P(y | x, y'_1..S) = softmax(β·[(1 − ς)·log f(x) + ς·log n(x)] + Σ_s w_s L_s[·, y'_s]), with silence as one more label of
each source; a source that was not there to be asked says nothing by its silence. See `correctors.posterior`.

Legend: N rows, D features, K classes, S sources.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from labelfix.correctors.posterior import arrays_of, shapes_of, turn_of, turned
from labelfix.data.arrays import Floats
from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, Codes, Logits, Probabilities
from labelfix.numerics.affine import Affine
from labelfix.numerics.softmax import log_softmax, softmax
from labelfix.runs.tensors import read_arrays


@dataclass(frozen=True)
class SourcesCorrector:
    """Soft label = softmax(β log f(x) + E); rows without an opinion get f(x).

    Attributes:
        label_terms: `(S, K, K + 1)` L.
        weights: `(S,)` w.
        turn: What is added to the logits, read off h(x): ς·(n − f) where n has a share; None where it has none.
    """

    label_terms: Floats
    weights: Floats
    beta: float
    turn: Affine | None = None

    def soft_labels(
        self, logits: Logits, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
    ) -> Probabilities:
        """See `Corrector.soft_labels`; the one given label is read only to see whether there is any."""
        assert opinions is not None
        scores = log_softmax(logits.astype(np.float64))
        labelled = np.flatnonzero((given != UNLABELLED) & (np.diff(opinions.start) > 0))
        seen = turned(scores, self.turn, hidden, labelled)
        scores[labelled] = self.beta * seen + evidence_of(opinions.take(labelled), self.label_terms, self.weights)
        return softmax(scores)

    def save(self, folder: Path) -> None:
        arrays = {"label_terms": self.label_terms, "weights": self.weights, **arrays_of(self.turn)}
        save_file(arrays, folder / "model.safetensors")
        about = {"kind": "sources", "beta": self.beta}
        (folder / "corrector.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any], classes: int, width: int) -> SourcesCorrector:
        """Read what `save` wrote; see `load_corrector`."""
        shapes = {"label_terms": ("S", classes, classes + 1), "weights": ("S",)}
        arrays = read_arrays(folder / "model.safetensors", shapes, maybe=shapes_of(classes, width))
        return cls(arrays["label_terms"], arrays["weights"], float(description["beta"]), turn_of(arrays))


def evidence_of(opinions: Opinions, label_terms: Floats, weights: Floats) -> Floats:
    """`(N, K)` Σ_s w_s L_s[·, y'_s], including the silence of sources that were asked.

    Args:
        label_terms: `(S, K, K + 1)` L.
        weights: `(S,)` w.
    """
    scaled = np.where(opinions.asked, weights, 0.0)[:, None, None] * label_terms
    silent, times = scaled[:, :, -1], opinions.repeated
    said = scaled[opinions.source, :, opinions.label] * (times**-0.5)[:, None]
    said -= silent[opinions.source] / times[:, None]
    found = np.tile(silent.sum(axis=0), (len(opinions), 1))
    heard = np.flatnonzero(np.diff(opinions.start) > 0)
    if len(heard):
        found[heard] += np.add.reduceat(said, opinions.start[heard], axis=0)
    return found
