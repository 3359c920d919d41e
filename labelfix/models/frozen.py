"""What all fixed features share: a linear head reads them, and their parts lie beside its weights.

Legend: N rows, B rows of a window, D features, K classes.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa

from labelfix.data.arrays import Singles
from labelfix.data.tables import ClassNames, InputTable
from labelfix.models.cards import FeatureCard, head_card
from labelfix.models.encoding import Card, encode_rows
from labelfix.models.features import FeatureInputs
from labelfix.models.head import Head
from labelfix.models.representation import Representation
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings

if TYPE_CHECKING:
    import torch

    from labelfix.models.classifier import Classifier


class FrozenFeatures(Representation):
    """A representation that is computed once; the classifier is a linear head on it. One can stand beside others.

    Attributes:
        hidden_units: Of a layer between features and head; None for a linear head.
        rows_at_once: Rows that are encoded together: always so many, so that results depend on nothing else.
        part_count: How many vectors of length 1 and of equal width a row's features are made of; as a view, each of
            them has a weight of its own.
    """

    rows_at_once: ClassVar[int]
    hidden_units: int | None = None
    part_count: int = 1

    @property
    def frozen(self) -> bool:
        return True

    @property
    def part_width(self) -> int:
        """Numbers of each part of a row's features."""
        return self.feature_width // self.part_count

    @property
    def encoded_width(self) -> int:
        """Numbers of an encoded row: D, but where a hidden layer stands between."""
        return self.feature_width

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> FeatureInputs:
        """`float32 (N, D)` the table's rows in its order; taken from the cache where they are there."""

        def window(batch: pa.RecordBatch, row: int) -> Singles:
            return self.window(batch, row, table.name, compute)

        empty = np.empty((0, self.encoded_width), dtype=np.float32)
        return FeatureInputs(encode_rows(table, self.identity, self.rows_at_once, empty, window, compute, progress))

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        """`float32 (B, D)` of consecutive rows; `Views`, which puts side by side what others encode, has none.

        Args:
            row: The number of the first one, from 1.
            name: The table, as the user named it.
        """
        raise NotImplementedError

    @abstractmethod
    def feature_card(self) -> FeatureCard:
        """How to make its features without labelfix."""

    def write_parts(self, folder: Path) -> None:  # noqa: B027 - most have nothing to write
        """Write what is needed beside `to_json` into an existing folder: nothing, where that holds all."""

    def new_classifier(self, num_classes: int, generator: torch.Generator) -> Classifier:
        """A linear head on the features, or a hidden layer and a linear head."""
        from labelfix.models.classifier import new_head  # training alone needs torch

        return new_head(self.encoded_width, self.hidden_units, num_classes, generator)

    def predictor(self, classifier: Classifier, device: torch.device) -> Head:
        """It computes without torch, whatever trained it."""
        return Head.of(classifier)

    def write_predictor(self, folder: Path, predictor: Head, classes: ClassNames) -> None:
        """The weights as safetensors, beside the parts."""
        predictor.write(folder)
        self.write_parts(folder)

    def read_predictor(self, folder: Path, num_classes: int, device: str) -> Head:
        return Head.read(folder, num_classes, self.encoded_width, self.hidden_units)

    def card(self) -> Card:
        return head_card(self.feature_card(), bool(self.hidden_units))
