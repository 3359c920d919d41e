"""A corrector whose soft labels are scaled so that they mean what they say.

    q = softmax(s ∘ log p + b),   p = the corrector's soft label

Temperature scaling is s = 1/T for all classes and b = 0, vector scaling any s and b (Guo et al., ICML 2017).

Legend: N rows, K classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from labelfix.correctors.contract import Corrector
from labelfix.data.arrays import Floats
from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, Codes, Logits, Probabilities
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.softmax import log_softmax
from labelfix.runs.tensors import read_arrays

INNER = "inner"
"""Folder of the corrector that is scaled."""

SMALLEST = 1e-12
"""Probabilities below it are taken as it."""


@dataclass(frozen=True)
class Scale:
    """The map that calibration applies to log-probabilities.

    Attributes:
        slope: `(K,)` s.
        shift: `(K,)` b.
    """

    slope: Floats
    shift: Floats

    @classmethod
    def none(cls, num_classes: int) -> Scale:
        """Leaves probabilities as they are."""
        return cls(np.ones(num_classes), np.zeros(num_classes))

    def __call__(self, log_p: Floats) -> Floats:
        """`(N, K)` log-probabilities, scaled."""
        return log_softmax(self.slope * log_p + self.shift)


@dataclass(frozen=True)
class CalibratedCorrector:
    """Soft labels of another corrector, scaled; rows without a given label keep theirs, which are the classifier's."""

    inner: Corrector
    scale: Scale

    def soft_labels(
        self, logits: Logits, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
    ) -> Probabilities:
        soft = self.inner.soft_labels(logits, hidden, given, opinions)
        labelled = given != UNLABELLED
        soft[labelled] = scaled(self.scale, soft[labelled])
        return soft

    def save(self, folder: Path) -> None:
        (folder / INNER).mkdir()
        self.inner.save(folder / INNER)
        save_file({"slope": self.scale.slope, "shift": self.scale.shift}, folder / "model.safetensors")
        (folder / "corrector.json").write_text(json.dumps({"kind": "calibrated"}, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, inner: Corrector, classes: int) -> CalibratedCorrector:
        """Read what `save` wrote, but for the corrector inside."""
        arrays = read_arrays(folder / "model.safetensors", {"slope": (classes,), "shift": (classes,)})
        return cls(inner, Scale(arrays["slope"], arrays["shift"]))


def scaled(scale: Scale, soft: Probabilities) -> Probabilities:
    """`(N, K)` soft labels, scaled, a block at a time."""
    found = np.empty(soft.shape, dtype=np.float32)
    for part in row_blocks(*soft.shape):
        found[part] = np.exp(scale(logs(soft[part])))
    return found


def logs(soft: npt.NDArray[np.floating]) -> Floats:
    """`(N, K)` their logarithms, none below that of `SMALLEST`."""
    return np.log(np.maximum(soft.astype(np.float64), SMALLEST))
