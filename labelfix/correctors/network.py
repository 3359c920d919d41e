"""The corrector that is a label correction network, as it stands after training.

What the network is and how it learns is in `models.label_correction_network`; here its weights are applied.

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
from labelfix.numerics.affine import Affine
from labelfix.numerics.softmax import softmax
from labelfix.runs.checked import TRAIN_AGAIN
from labelfix.runs.tensors import Shape, read_arrays

if TYPE_CHECKING:
    from labelfix.models.label_correction_network import LabelCorrectionNetwork

SMALLEST = np.float32(1e-12)
"""Probabilities below it are taken as it."""


@dataclass(frozen=True)
class CorrectionWeights:
    """g_α, trained."""

    arrays: Mapping[str, Singles]
    skip: bool

    @classmethod
    def of(cls, lcn: LabelCorrectionNetwork) -> CorrectionWeights:
        """Those of a network of torch."""
        arrays = {name: value.detach().cpu().numpy().copy() for name, value in lcn.state_dict().items()}
        return cls(arrays, lcn.skip)

    def soft(self, hidden: Probabilities, given: Codes) -> Probabilities:
        """`(N, K)` soft labels of rows that all have a given label; for arguments see `Corrector.soft_labels`."""
        scores = self._scores(hidden, given)
        if not self.skip:
            return softmax(scores)
        kept = np.asarray(1 / (1 + np.exp(-scores[:, -1])), dtype=np.float32)
        soft = softmax(scores[:, :-1])
        soft *= (1 - kept)[:, None]
        soft[np.arange(len(given)), given] += kept
        return soft

    def sizes(self) -> dict[str, int]:
        """D, K, U and E, as they are called in corrector.json."""
        embedding, first = self.arrays["embedding.weight"], self.arrays["first.weight"]
        return {
            "feature_width": first.shape[1],
            "num_classes": len(embedding),
            "hidden": len(first),
            "embedding": embedding.shape[1],
        }

    def _scores(self, hidden: Probabilities, given: Codes) -> Floats:
        """`(N, K)`, and the share's logit behind where there is one: what the last layer says before any softmax."""
        of_label = self.arrays["embedding.weight"] @ self.arrays["first_label.weight"].T
        first = np.tanh(self._layer("first")(hidden) + of_label[given])
        return self._layer("last")(np.tanh(self._layer("second")(first)))

    def _layer(self, name: str) -> Affine:
        return Affine(self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"])


@dataclass(frozen=True)
class NetworkCorrector:
    """Soft label = the LCN's output, its temperature scaled; rows without a given label get P(y | x).

    Attributes:
        classifier_temperature: Of the classifier's logits, for rows without a given label.
    """

    lcn: CorrectionWeights
    temperature: float
    classifier_temperature: float

    def log_soft(self, hidden: Probabilities, given: Codes) -> Probabilities:
        """Log q before the temperature, `(N, K)`, for rows that all have a given label."""
        return np.asarray(np.log(np.maximum(self.lcn.soft(hidden, given), SMALLEST)))

    def soft_labels(
        self, logits: Logits, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
    ) -> Probabilities:
        scores = logits.astype(np.float64) / self.classifier_temperature
        labelled = given != UNLABELLED
        if labelled.any():
            said = self.log_soft(hidden[labelled], given[labelled])
            scores[labelled] = said.astype(np.float64) / self.temperature
        return softmax(scores)

    def save(self, folder: Path) -> None:
        save_file(dict(self.lcn.arrays), folder / "model.safetensors")
        description = {
            "kind": "label-correction-network",
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
        skip, sizes = bool(description["skip"]), (int(description["hidden"]), int(description["embedding"]))
        arrays = read_arrays(folder / "model.safetensors", _shapes(classes, width, *sizes, skip=skip))
        lcn = CorrectionWeights(arrays, skip)
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
