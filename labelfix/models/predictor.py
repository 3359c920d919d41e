"""What a finished classifier says of encoded rows; a linear head does it in NumPy, a whole network in torch.

Legend: n rows asked for, D features, K classes.
"""

from __future__ import annotations

from typing import Protocol

from labelfix.data.tables import Codes, Logits, Probabilities
from labelfix.models.features import Inputs


class Predictor(Protocol):
    """A trained classifier, ready to be asked."""

    @property
    def num_classes(self) -> int:
        """K."""

    @property
    def feature_width(self) -> int:
        """D."""

    def say(self, inputs: Inputs, rows: Codes) -> tuple[Logits, Probabilities]:
        """Logits `(n, K)` before temperature, and features h(x) `(n, D)`, of some rows `(n,)`."""
