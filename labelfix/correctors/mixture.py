"""The corrector that mixes the given label with what the classifier says, by the weight a method gives the row.

    soft label = v·onehot(y') + (1 − v)·P(y | x),   v = s·r(x, y'),   r in [0, 1]

r is the row's weight relative to the largest one. A weight says which row is to be believed more than another, not how
much: that is s, one number for all rows, chosen by the likelihood of trusted rows as if they had been labelled like the
noisy ones,

    max over s of Σ_j Σ_y' T[y_j, y'] log(v(x_j, y')·[y' = y_j] + (1 − v(x_j, y'))·P(y_j | x_j)).

So a weight that tells nothing apart counts for nothing where the classifier is better than the labels.

Legend: N rows, M trusted rows, D features, H hidden units, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors.numpy import save_file

from labelfix.data.arrays import Floats
from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, Codes, Logits, Probabilities
from labelfix.numerics.softmax import log_softmax, softmax
from labelfix.runs.tensors import Shape, read_arrays

SHARES = np.linspace(0, 0.95, 20)
"""Candidates for s."""

CHUNK = 16384
"""Rows at a time: a hidden layer is wider than a row's logits."""


class Weigher(Protocol):
    """Gives rows their weights, before they are made relative; a dataclass of arrays."""

    def weights(self, logits: Logits, hidden: Probabilities, given: Codes) -> Floats:
        """`(N,)` weights, at least 0, of rows that all have a given label; see `Corrector.soft_labels`."""


@dataclass(frozen=True)
class LossWeigher:
    """The weight network V of a row's loss, as Meta-Weight-Net learns it.

    Attributes:
        first_weight: `(H,)`.
        first_bias: `(H,)`.
        second_weight: `(H,)`.
        second_bias: `(1,)`.
    """

    first_weight: Floats
    first_bias: Floats
    second_weight: Floats
    second_bias: Floats

    def weights(self, logits: Logits, hidden: Probabilities, given: Codes) -> Floats:
        """See `Weigher`; `hidden` is not used."""
        losses = -log_softmax(logits.astype(np.float64))[np.arange(len(given)), given]
        units = np.maximum(losses[:, None] * self.first_weight + self.first_bias, 0)
        return np.asarray(1 / (1 + np.exp(-(units @ self.second_weight + self.second_bias))))


@dataclass(frozen=True)
class AgreementWeigher:
    """max(0, ⟨G, ∇L_i⟩) for the head's weights, where ∇L_i = (p_i − e_y') ⊗ [h_i; 1].

    Attributes:
        gradient: `(K, D + 1)` G, the gradient of the trusted rows' loss.
    """

    gradient: Floats

    def weights(self, logits: Logits, hidden: Probabilities, given: Codes) -> Floats:
        along = hidden.astype(np.float64) @ self.gradient[:, :-1].T + self.gradient[:, -1]
        slope = softmax(logits.astype(np.float64)).astype(np.float64)
        slope[np.arange(len(given)), given] -= 1
        return np.asarray(np.maximum((slope * along).sum(axis=1), 0))


@dataclass(frozen=True)
class ConstantWeigher:
    """All rows weigh the same."""

    def weights(self, logits: Logits, hidden: Probabilities, given: Codes) -> Floats:
        return np.ones(len(given))


AnyWeigher = LossWeigher | AgreementWeigher | ConstantWeigher

WEIGHERS: dict[str, type[AnyWeigher]] = {
    "loss": LossWeigher,
    "agreement": AgreementWeigher,
    "constant": ConstantWeigher,
}
"""`weigher` in corrector.json → its kind."""


@dataclass(frozen=True)
class MixtureCorrector:
    """Soft label = v·onehot(y') + (1 − v)·P(y | x), v = s·min(1, weight / largest); P(y | x) without a given label.

    Attributes:
        largest: What a weight is divided by.
        share: s.
    """

    weigher: AnyWeigher
    largest: float
    share: float
    temperature: float

    def soft_labels(
        self, logits: Logits, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
    ) -> Probabilities:
        soft = softmax(logits.astype(np.float64) / self.temperature)
        rows = np.flatnonzero(given != UNLABELLED)
        kept = self.share * relative(self.weigher, self.largest, logits[rows], hidden[rows], given[rows])
        soft[rows] *= (1 - kept)[:, None].astype(soft.dtype)
        soft[rows, given[rows]] += kept.astype(soft.dtype)
        return soft

    def save(self, folder: Path) -> None:
        arrays = {name: getattr(self.weigher, name) for name in self.weigher.__dataclass_fields__}
        save_file(arrays, folder / "model.safetensors")
        kind = next(name for name, known in WEIGHERS.items() if isinstance(self.weigher, known))
        about = {"kind": "mixture", "weigher": kind, "largest": self.largest, "share": self.share}
        about["temperature"] = self.temperature
        (folder / "corrector.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any], classes: int, width: int) -> MixtureCorrector:
        """Read what `save` wrote; see `load_corrector`."""
        shapes: dict[str, dict[str, Shape]] = {
            "loss": {"first_weight": ("H",), "first_bias": ("H",), "second_weight": ("H",), "second_bias": (1,)},
            "agreement": {"gradient": (classes, width + 1)},
            "constant": {},
        }
        kind = description["weigher"]
        weigher = WEIGHERS[kind](**read_arrays(folder / "model.safetensors", shapes[kind]))
        numbers = (float(description[name]) for name in ("largest", "share", "temperature"))
        return cls(weigher, *numbers)


def relative(weigher: Weigher, largest: float, logits: Logits, hidden: Probabilities, given: Codes) -> Floats:
    """`(N,)` r of rows that all have a given label: their weights over the largest, at most 1; 0 where that is 0."""
    if largest <= 0:
        return np.zeros(len(given))
    parts = (slice(first, first + CHUNK) for first in range(0, len(given), CHUNK))
    found = [weigher.weights(logits[part], hidden[part], given[part]) for part in parts]
    return np.minimum(np.concatenate([np.zeros(0), *found]) / largest, 1.0)


def best_share(relative_to: Callable[[Codes], Floats], soft: Probabilities, truth: Codes, transition: Floats) -> float:
    """s by the likelihood of trusted rows; see the module's docstring.

    Args:
        relative_to: r of the trusted rows for given labels `(M,)`.
        soft: `(M, K)` P(y | x) of the trusted rows.
        truth: `(M,)` their labels.
        transition: `(K, K)` T.
    """
    right = soft[np.arange(len(truth)), truth].astype(np.float64)
    total = np.zeros(len(SHARES))
    for label in range(soft.shape[1]):
        kept = SHARES[:, None] * relative_to(np.full(len(truth), label))
        likelihood = kept * (truth == label) + (1 - kept) * right
        total += (transition[truth, label] * np.log(np.maximum(likelihood, 1e-12))).sum(axis=1)
    return float(SHARES[total.argmax()])
