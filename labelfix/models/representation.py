"""How a table's inputs become what a classifier reads.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from labelfix.data.tables import ClassNames, Codes, InputSpec, InputTable, Logits, Probabilities
from labelfix.models.encoding import Card
from labelfix.models.features import Inputs
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings

if TYPE_CHECKING:
    import torch

    from labelfix.models.classifier import Classifier


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


class Representation(ABC):
    """Encodes rows, makes the classifier that reads them, and knows how both are kept.

    Attributes:
        family: Its key in `labelfix.json`.
        spec: The input columns it reads.
    """

    family: ClassVar[str]
    spec: InputSpec

    @property
    @abstractmethod
    def description(self) -> str:
        """One line for people."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """Hash of everything beside the rows that determines the encoding."""

    @property
    @abstractmethod
    def frozen(self) -> bool:
        """Whether the classifier is a linear head on fixed features."""

    @property
    @abstractmethod
    def feature_width(self) -> int:
        """D, the width of h(x)."""

    @abstractmethod
    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> Inputs:
        """The table's rows, encoded in its order; taken from the cache where they are there."""

    @abstractmethod
    def new_classifier(self, num_classes: int, generator: torch.Generator) -> Classifier:
        """A freshly initialised classifier."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain values that bring it back, beside `spec`."""

    @abstractmethod
    def predictor(self, classifier: Classifier, device: torch.device) -> Predictor:
        """A trained classifier, ready to be asked."""

    @abstractmethod
    def write_predictor(self, folder: Path, predictor: Any, classes: ClassNames) -> None:  # noqa: ANN401 - one of its own
        """Write a classifier's weights, and what else is needed to use it, into an existing folder."""

    @abstractmethod
    def read_predictor(self, folder: Path, num_classes: int, device: str) -> Predictor:
        """The classifier that `write_predictor` wrote."""

    @abstractmethod
    def card(self) -> Card:
        """How to use a saved classifier without labelfix."""
