"""The corrector that keeps a given label unless it is flagged: confident learning's rule, for any row.

Legend: N rows, K classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, Codes, Logits, Probabilities
from labelfix.numerics.softmax import softmax
from labelfix.runs.tensors import read_arrays


@dataclass(frozen=True)
class FlagCorrector:
    """Soft label = f(x) where the given label is flagged, else f(x) with the given label made the likeliest.

    Attributes:
        margins: `(K, K)` float64: a row given k whose likeliest class is j ≠ k is flagged where
            f(x)_j − f(x)_k reaches `margins[k, j]`; infinite where no row was.
    """

    margins: npt.NDArray[np.float64]
    temperature: float

    @classmethod
    def learn(
        cls, soft: Probabilities, given: Codes, flagged: npt.NDArray[np.bool_], temperature: float
    ) -> FlagCorrector:
        """The rule that flags what was flagged: the least margin of the flagged rows of each pair of classes.

        Args:
            soft: `(N, K)` f(x) of the rows that were judged.
            given: `(N,)` their given labels.
            flagged: `(N,)` the verdict.
        """
        margins = np.full((soft.shape[1], soft.shape[1]), np.inf)
        rows, likeliest = np.arange(len(soft)), soft.argmax(axis=1)
        gap = (soft[rows, likeliest] - soft[rows, given]).astype(np.float64)
        hit = flagged & (likeliest != given)
        np.minimum.at(margins, (given[hit], likeliest[hit]), gap[hit])
        return cls(margins, temperature)

    def soft_labels(
        self, logits: Logits, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
    ) -> Probabilities:
        """See `Corrector.soft_labels`; `hidden` is not used."""
        soft = softmax(logits.astype(np.float64) / self.temperature)
        rows, likeliest, label = np.arange(len(soft)), soft.argmax(axis=1), np.maximum(given, 0)
        flagged = soft[rows, likeliest] - soft[rows, label] >= self.margins[label, likeliest]
        return keep_unless(flagged | (given == UNLABELLED), soft, given)

    def save(self, folder: Path) -> None:
        save_file({"margins": self.margins}, folder / "model.safetensors")
        about = {"kind": "flags", "temperature": self.temperature}
        (folder / "corrector.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any], classes: int, width: int) -> FlagCorrector:
        """Read what `save` wrote; see `load_corrector`."""
        arrays = read_arrays(folder / "model.safetensors", {"margins": (classes, classes)})
        return cls(arrays["margins"], float(description["temperature"]))


def keep_unless(flagged: npt.NDArray[np.bool_], soft: Probabilities, given: Codes) -> Probabilities:
    """Soft labels whose arg-max is the given label on every row that is not flagged.

    There the given label's share is raised to just above the largest other one, all others keeping their proportions.

    Args:
        flagged: `(N,)` rows to leave as they are; every row without a given label is among them.
        soft: `(N, K)`.
        given: `(N,)`.
    """
    rows = np.flatnonzero(~flagged)
    gap = (soft[rows].max(axis=1) - soft[rows, given[rows]]).astype(np.float64)
    behind = rows[gap > 0]
    share = 1.001 * gap[gap > 0] + 1e-4
    share /= 1 + share
    kept = soft.copy()
    kept[behind] = soft[behind] * (1 - share)[:, None]
    kept[behind, given[behind]] += share
    return kept
