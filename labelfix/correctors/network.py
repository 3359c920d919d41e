"""The corrector that is a label correction network, the paper's or the structured one.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, Codes, Probabilities
from labelfix.errors import RunError
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.models.structured_correction_network import StructuredCorrectionNetwork
from labelfix.runs.checked import TRAIN_AGAIN
from labelfix.runs.tensors import check_tensors

Lcn = LabelCorrectionNetwork | StructuredCorrectionNetwork
"""g_α, of either kind."""


@dataclass(frozen=True)
class NetworkCorrector:
    """Soft label = the LCN's output, its temperature scaled; rows without a given label get P(y | x).

    Attributes:
        lcn: The trained network, in evaluation mode, on any device.
        temperature: Of log q.
        classifier_temperature: Of the classifier's logits, for rows without a given label.
    """

    lcn: Lcn
    temperature: float
    classifier_temperature: float

    def log_soft(self, logits: Probabilities, hidden: Probabilities, given: Codes) -> Probabilities:
        """Log q before the temperature, `(N, K)`, for rows that all have a given label."""
        device = next(self.lcn.parameters()).device
        read = [torch.tensor(hidden, device=device), torch.tensor(given, device=device)]
        if isinstance(self.lcn, StructuredCorrectionNetwork):
            read.append(torch.tensor(logits, device=device))
        with torch.inference_mode():
            return np.asarray(self.lcn(*read).soft.clamp_min(1e-12).log().cpu())

    def soft_labels(
        self, logits: Probabilities, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
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
        weights = {name: value.cpu().contiguous() for name, value in self.lcn.state_dict().items()}
        save_file(weights, folder / "model.safetensors")
        inner = self.lcn.residual if isinstance(self.lcn, StructuredCorrectionNetwork) else self.lcn
        description = {
            "kind": "label-correction-network",
            "structured": inner is not self.lcn,
            "feature_width": inner.feature_width,
            "num_classes": inner.num_classes,
            "hidden": inner.second.out_features,
            "embedding": inner.embedding.embedding_dim,
            "skip": inner.skip,
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
        sizes = int(description["hidden"]), int(description["embedding"])
        weights, inside = folder / "model.safetensors", "residual." if description.get("structured") else ""
        # Before a network of these sizes is made, which may be of any size.
        sized = {f"{inside}embedding.weight": (classes, sizes[1]), f"{inside}second.bias": (sizes[0],)}
        check_tensors(weights, sized, others=True)
        lcn: Lcn
        if description.get("structured"):  # runs of the first version do not say
            unknown = torch.zeros(classes, classes)
            lcn = StructuredCorrectionNetwork(width, unknown, *sizes, torch.Generator())
        else:
            lcn = LabelCorrectionNetwork(width, classes, *sizes, bool(description["skip"]), torch.Generator())
        check_tensors(weights, {name: tuple(value.shape) for name, value in lcn.state_dict().items()})
        lcn.load_state_dict(load_file(weights))
        return cls(lcn.eval(), float(description["temperature"]), float(description["classifier_temperature"]))


def softmax(scores: np.ndarray) -> Probabilities:
    """Rows of scores to float32 probabilities, computed in float64."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)
