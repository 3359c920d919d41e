"""The corrector that is a label correction network, the paper's or the structured one, as it stands after training.

What the networks are and how they learn is in `models.label_correction_network` and
`models.structured_correction_network`; here their weights are applied.

Legend: N rows, D features, U hidden units, E numbers of a label's embedding, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save_file

from labelfix.data.arrays import Floats, Singles
from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, Codes, Logits, Probabilities
from labelfix.errors import RunError
from labelfix.models.correction_trust import CLASSIFIER_TRUST, LABEL_TRUST
from labelfix.numerics.affine import Affine
from labelfix.numerics.softmax import log_softmax, softmax
from labelfix.runs.checked import TRAIN_AGAIN
from labelfix.runs.tensors import Shape, read_arrays

if TYPE_CHECKING:
    from labelfix.models.structured_correction_network import Lcn

INSIDE = "residual."
"""What the names of a structured network's inner weights begin with."""

SMALLEST = np.float32(1e-12)
"""Probabilities below it are taken as it."""


@dataclass(frozen=True)
class CorrectionWeights:
    """g_α, trained.

    Attributes:
        arrays: The weights, by the names that the network of torch gives them.
        structured: Whether it is the structured one.
        skip: Whether its last output is the share of the given label.
    """

    arrays: Mapping[str, Singles]
    structured: bool
    skip: bool

    @classmethod
    def of(cls, lcn: Lcn) -> CorrectionWeights:
        """Those of a network of torch."""
        arrays = {name: value.detach().cpu().numpy().copy() for name, value in lcn.state_dict().items()}
        return cls(arrays, "trust" in arrays, bool(getattr(lcn, "skip", False)))

    def soft(self, logits: Logits, hidden: Probabilities, given: Codes) -> Probabilities:
        """`(N, K)` soft labels of rows that all have a given label; arguments as of `Corrector.soft_labels`."""
        scores = self._scores(hidden, given)
        if self.structured:
            trust = self.arrays["trust"]
            a, b = np.clip(trust[0], *CLASSIFIER_TRUST), np.clip(trust[1], *LABEL_TRUST)
            terms: Singles = self.arrays["log_transition"][:, given].T
            return softmax(a * log_softmax(logits) + b * terms + scores)
        if not self.skip:
            return softmax(scores)
        kept = np.asarray(1 / (1 + np.exp(-scores[:, -1])), dtype=np.float32)
        soft = softmax(scores[:, :-1])
        soft *= (1 - kept)[:, None]
        soft[np.arange(len(given)), given] += kept
        return soft

    def sizes(self) -> dict[str, int]:
        """D, K, U and E, as they are called in corrector.json."""
        embedding, first = self._array("embedding.weight"), self._array("first.weight")
        return {
            "feature_width": first.shape[1],
            "num_classes": len(embedding),
            "hidden": len(first),
            "embedding": embedding.shape[1],
        }

    def _scores(self, hidden: Probabilities, given: Codes) -> Floats:
        """`(N, K)`, and the share's logit behind where there is one: what the last layer says before any softmax."""
        of_label = self._array("embedding.weight") @ self._array("first_label.weight").T
        first = np.tanh(self._layer("first")(hidden) + of_label[given])
        return self._layer("last")(np.tanh(self._layer("second")(first)))

    def _layer(self, name: str) -> Affine:
        return Affine(self._array(f"{name}.weight"), self._array(f"{name}.bias"))

    def _array(self, name: str) -> Singles:
        return self.arrays[INSIDE + name if self.structured else name]


@dataclass(frozen=True)
class NetworkCorrector:
    """Soft label = the LCN's output, its temperature scaled; rows without a given label get P(y | x).

    Attributes:
        temperature: Of log q.
        classifier_temperature: Of the classifier's logits, for rows without a given label.
    """

    lcn: CorrectionWeights
    temperature: float
    classifier_temperature: float

    def log_soft(self, logits: Logits, hidden: Probabilities, given: Codes) -> Probabilities:
        """Log q before the temperature, `(N, K)`, for rows that all have a given label."""
        return np.asarray(np.log(np.maximum(self.lcn.soft(logits, hidden, given), SMALLEST)))

    def soft_labels(
        self, logits: Logits, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
    ) -> Probabilities:
        """See `Corrector.soft_labels`."""
        scores = logits.astype(np.float64) / self.classifier_temperature
        labelled = given != UNLABELLED
        if labelled.any():
            said = self.log_soft(logits[labelled], hidden[labelled], given[labelled])
            scores[labelled] = said.astype(np.float64) / self.temperature
        return softmax(scores)

    def save(self, folder: Path) -> None:
        """See `Corrector.save`."""
        save_file(dict(self.lcn.arrays), folder / "model.safetensors")
        description = {
            "kind": "label-correction-network",
            "structured": self.lcn.structured,
            **self.lcn.sizes(),
            "skip": self.lcn.skip,
            "temperature": self.temperature,
            "classifier_temperature": self.classifier_temperature,
        }
        (folder / "corrector.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any], classes: int, width: int) -> NetworkCorrector:
        """Read what `save` wrote; see `load_corrector`.

        Raises:
            RunError: It is damaged.
        """
        for name, wanted in (("num_classes", classes), ("feature_width", width)):
            if description[name] != wanted:
                what = f"{name}: is {description[name]}, but the classifier's is {wanted}"
                raise RunError(f"{folder / 'corrector.json'}: is damaged ({what}); {TRAIN_AGAIN}")
        # Runs of the first version do not say whether it is structured.
        structured, skip = bool(description.get("structured")), bool(description["skip"])
        sizes = int(description["hidden"]), int(description["embedding"])
        shapes = _shapes(classes, width, *sizes, skip=skip and not structured)
        if structured:
            outer: dict[str, Shape] = {"trust": (2,), "log_transition": (classes, classes)}
            shapes = outer | {INSIDE + name: shape for name, shape in shapes.items()}
        arrays = read_arrays(folder / "model.safetensors", shapes)
        lcn = CorrectionWeights(arrays, structured, skip and not structured)
        return cls(lcn, float(description["temperature"]), float(description["classifier_temperature"]))


def _shapes(classes: int, width: int, hidden: int, embedding: int, skip: bool) -> dict[str, Shape]:
    return {
        "embedding.weight": (classes, embedding),
        "first.weight": (hidden, width),
        "first.bias": (hidden,),
        "first_label.weight": (hidden, embedding),
        "second.weight": (hidden, hidden),
        "second.bias": (hidden,),
        "last.weight": (classes + int(skip), hidden),
        "last.bias": (classes + int(skip),),
    }
