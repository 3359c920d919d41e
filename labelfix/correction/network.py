"""The corrector that is a label correction network.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from labelfix.data.tables import UNLABELLED, Codes, Probabilities
from labelfix.models.label_correction_network import LabelCorrectionNetwork


@dataclass(frozen=True)
class NetworkCorrector:
    """Soft label = the LCN's output, its temperature scaled; rows without a given label get P(y | x).

    Attributes:
        lcn: The trained network, in evaluation mode, on the CPU.
        temperature: Of log q.
        classifier_temperature: Of the classifier's logits, for rows without a given label.
    """

    lcn: LabelCorrectionNetwork
    temperature: float
    classifier_temperature: float

    def log_soft(self, hidden: Probabilities, given: Codes) -> Probabilities:
        """Log q before the temperature, `(N, K)`, for rows that all have a given label."""
        device = self.lcn.last.weight.device
        with torch.inference_mode():
            soft = self.lcn(torch.tensor(hidden, device=device), torch.tensor(given, device=device)).soft
            return np.asarray(soft.clamp_min(1e-12).log().cpu())

    def soft_labels(self, logits: Probabilities, hidden: Probabilities, given: Codes) -> Probabilities:
        """See `Corrector.soft_labels`."""
        scores = logits.astype(np.float64) / self.classifier_temperature
        labelled = given != UNLABELLED
        if labelled.any():
            scores[labelled] = self.log_soft(hidden[labelled], given[labelled]).astype(np.float64) / self.temperature
        return softmax(scores)

    def save(self, folder: Path) -> None:
        """See `Corrector.save`."""
        save_file({k: v.contiguous() for k, v in self.lcn.state_dict().items()}, folder / "model.safetensors")
        description = {
            "kind": "label-correction-network",
            "feature_width": self.lcn.feature_width,
            "num_classes": self.lcn.num_classes,
            "hidden": self.lcn.second.out_features,
            "embedding": self.lcn.embedding.embedding_dim,
            "skip": self.lcn.skip,
            "temperature": self.temperature,
            "classifier_temperature": self.classifier_temperature,
        }
        (folder / "corrector.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, description: dict[str, float]) -> NetworkCorrector:
        """Read what `save` wrote."""
        lcn = LabelCorrectionNetwork(
            int(description["feature_width"]),
            int(description["num_classes"]),
            int(description["hidden"]),
            int(description["embedding"]),
            bool(description["skip"]),
            torch.Generator(),
        )
        lcn.load_state_dict(load_file(folder / "model.safetensors"))
        return cls(lcn.eval(), float(description["temperature"]), float(description["classifier_temperature"]))


def softmax(scores: np.ndarray) -> Probabilities:
    """Rows of scores to float32 probabilities, computed in float64."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)
