"""A trained head on fixed features: one matrix product, or two with a hidden layer between them.

Legend: n rows asked for, F features as encoded, D features that the head reads (F, or U with a hidden layer), U hidden
units, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save_file

from labelfix.data.arrays import Singles
from labelfix.data.tables import Codes, Logits, Probabilities
from labelfix.models.features import Inputs, features_of
from labelfix.numerics.affine import Affine
from labelfix.runs.tensors import Shape, read_arrays

if TYPE_CHECKING:
    from labelfix.models.classifier import Classifier

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Head:
    """A `Predictor` of fixed features.

    Attributes:
        last: Gives the logits: `(K, D)`.
        hidden: Gives h(x), what is negative in it set to 0: `(U, F)`; None where h(x) are the features.
    """

    last: Affine
    hidden: Affine | None = None

    @classmethod
    def of(cls, classifier: Classifier) -> Head:
        """What was learned by a network that is such a head."""
        arrays = {name: value.detach().cpu().numpy().copy() for name, value in classifier.state_dict().items()}
        return cls._from(arrays)

    @classmethod
    def read(cls, folder: Path, num_classes: int, width: int, hidden_units: int | None) -> Head:
        """What `write` wrote, of F features and `hidden_units` U; None without a hidden layer."""
        shapes: dict[str, Shape] = {"head.weight": (num_classes, hidden_units or width), "head.bias": (num_classes,)}
        if hidden_units:
            shapes |= {"backbone.0.weight": (hidden_units, width), "backbone.0.bias": (hidden_units,)}
        return cls._from(read_arrays(folder / WEIGHTS, shapes))

    @classmethod
    def _from(cls, arrays: dict[str, Singles]) -> Head:
        hidden = "backbone.0.weight" in arrays
        first = Affine(arrays["backbone.0.weight"], arrays["backbone.0.bias"]) if hidden else None
        return cls(Affine(arrays["head.weight"], arrays["head.bias"]), first)

    def write(self, folder: Path) -> None:
        """Write `model.safetensors` into an existing folder, with the names that a network of torch gives its parts."""
        arrays = {"head.weight": self.last.weight, "head.bias": self.last.bias}
        if self.hidden is not None:
            arrays |= {"backbone.0.weight": self.hidden.weight, "backbone.0.bias": self.hidden.bias}
        save_file(arrays, folder / WEIGHTS)

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.last.bias)

    @property
    def feature_width(self) -> int:
        """D."""
        return int(self.last.weight.shape[1])

    def say(self, inputs: Inputs, rows: Codes) -> tuple[Logits, Probabilities]:
        features = features_of(inputs, rows)
        seen = features if self.hidden is None else np.maximum(self.hidden(features), 0).astype(np.float32)
        return self.last(seen), seen
