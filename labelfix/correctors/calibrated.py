"""A corrector whose soft labels are scaled so that they mean what they say.

    q = softmax(s ∘ log p + b),   p = the corrector's soft label

Temperature scaling is s = 1/T for all classes and b = 0, vector scaling any s and b (Guo et al., ICML 2017).

Legend: N rows, R rows of a fit, K classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save_file
from scipy.special import log_softmax, softmax
from torch import Tensor

from labelfix.correctors.contract import Corrector
from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, Codes, Probabilities
from labelfix.numerics.batched_search import search
from labelfix.numerics.temperature import fit_temperature
from labelfix.runs.tensors import read_arrays

Kind = Literal["none", "temperature", "vector"]
Log = npt.NDArray[np.float64]

INNER = "inner"
"""Folder of the corrector that is scaled."""

BLOCK = 65_536
"""Rows that are scaled at a time."""

SMALLEST = 1e-12
"""Probabilities below it are taken as it."""

PRIOR = 4.0
"""How many rows the prior of vector scaling, b = 0 and s = 1 with a standard deviation of 1, is worth a class."""


@dataclass(frozen=True)
class Scale:
    """What calibration does to log-probabilities.

    Attributes:
        slope: `(K,)` s.
        shift: `(K,)` b.
    """

    slope: Log
    shift: Log

    @classmethod
    def none(cls, num_classes: int) -> Scale:
        """Leaves probabilities as they are."""
        return cls(np.ones(num_classes), np.zeros(num_classes))

    @classmethod
    def fit(cls, kind: Kind, log_p: Log, truth: Codes, weights: Log) -> Scale:
        """The scale that makes a truth likeliest.

        Args:
            kind: What may move.
            log_p: `(R, K)` log-probabilities.
            truth: `(R,)` true classes.
            weights: `(R,)` of the rows.
        """
        start = cls.none(log_p.shape[1])
        if kind == "none" or weights.sum() <= 0:
            return start
        if kind == "temperature":
            return cls(start.slope / fit_temperature(log_p, truth, weights), start.shift)
        return cls._fit_vector(log_p, truth, weights)

    @classmethod
    def _fit_vector(cls, log_p: Log, truth: Codes, weights: Log) -> Scale:
        classes = log_p.shape[1]
        target = np.eye(classes)[truth]

        rows = weights.sum()

        def loss(points: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
            parameters = points[0].numpy()
            slope, shift = parameters[:classes], parameters[classes:]
            log_q = log_softmax(slope * log_p + shift, axis=1)
            residual = weights[:, None] * (np.exp(log_q) - target)
            pull = PRIOR * np.concatenate([slope - 1, shift])
            value = -(weights * (log_q * target).sum(axis=1)).sum() + 0.5 * pull @ pull / PRIOR
            slopes = np.concatenate([(residual * log_p).sum(axis=0), residual.sum(axis=0)]) + pull
            return torch.tensor([value / rows]), torch.from_numpy(slopes / rows)[None]

        begin = torch.cat([torch.ones(classes), torch.zeros(classes)]).double()
        found = search(loss, begin[None], 200, 1e-10)[0].numpy()
        return cls(found[:classes], found[classes:])

    def __call__(self, log_p: Log) -> Log:
        """`(R, K)` log-probabilities, scaled."""
        return np.asarray(log_softmax(self.slope * log_p + self.shift, axis=1))


@dataclass(frozen=True)
class CalibratedCorrector:
    """Soft labels of another corrector, scaled; rows without a given label keep theirs, which are the classifier's.

    Attributes:
        inner: The corrector.
        scale: What is done to its soft labels.
    """

    inner: Corrector
    scale: Scale

    def soft_labels(
        self, logits: Probabilities, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
    ) -> Probabilities:
        """See `Corrector.soft_labels`."""
        soft = self.inner.soft_labels(logits, hidden, given, opinions)
        labelled = given != UNLABELLED
        soft[labelled] = scaled(self.scale, soft[labelled])
        return soft

    def save(self, folder: Path) -> None:
        """See `Corrector.save`."""
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
    for first in range(0, len(soft), BLOCK):
        part = slice(first, first + BLOCK)
        found[part] = softmax(scale(logs(soft[part])), axis=1)
    return found


def logs(soft: npt.NDArray[np.floating]) -> Log:
    """`(N, K)` their logarithms, none below that of `SMALLEST`."""
    return np.log(np.maximum(soft.astype(np.float64), SMALLEST))
