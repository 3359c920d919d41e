"""What all fixed features share: a linear head reads them, and their parts lie beside its weights.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from torch import Generator, nn

from labelfix.data.tables import ClassNames, InputSpec, InputTable
from labelfix.models.cards import FeatureCard, head_card
from labelfix.models.classifier import Classifier
from labelfix.models.encoding import Card, read_weights, write_weights
from labelfix.models.features import FeatureInputs
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings


class FrozenFeatures(ABC):
    """A `Representation` that is computed once; the classifier is a linear head on it. One can stand beside others.

    Attributes:
        spec: The input columns it reads.
    """

    family: ClassVar[str]
    spec: InputSpec

    @property
    def frozen(self) -> bool:
        """Whether the classifier is a linear head on fixed features."""
        return True

    @property
    @abstractmethod
    def feature_width(self) -> int:
        """D."""

    @property
    @abstractmethod
    def description(self) -> str:
        """One line for people."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """Hash of everything beside the rows that determines the encoding."""

    @abstractmethod
    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> FeatureInputs:
        """The table's rows, encoded in its order; taken from the cache where they are there."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain values that bring it back, beside `spec` and the files of `write_parts`."""

    @abstractmethod
    def feature_card(self) -> FeatureCard:
        """How to make its features without labelfix."""

    def write_parts(self, folder: Path) -> None:  # noqa: B027 - most have nothing to write
        """Write what is needed beside `to_json` into an existing folder: nothing, where that holds all."""

    def new_classifier(self, num_classes: int, generator: Generator) -> Classifier:
        """A linear head on the features."""
        return Classifier(nn.Identity(), self.feature_width, num_classes, generator)

    def write_module(self, folder: Path, module: Classifier, classes: ClassNames) -> None:
        """The weights as safetensors, beside the parts."""
        write_weights(folder, module)
        self.write_parts(folder)

    def read_module(self, folder: Path, num_classes: int) -> Classifier:
        """The classifier that `write_module` wrote."""
        return read_weights(folder, self.feature_width, num_classes, self.new_classifier)

    def card(self) -> Card:
        """How to use the classifier without labelfix."""
        return head_card(self.feature_card())
