"""A frozen timm model that is trained for a while and frozen again.

Legend: K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from labelfix.data.tables import ClassNames, InputTable
from labelfix.models.classifier import Classifier
from labelfix.models.images.encoded import EncodedImages
from labelfix.models.images.encoder import FrozenTimm
from labelfix.models.images.fine_tuned import TrainedTimm
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings
from labelfix.settings.networks import Family, NetworkSettings


@dataclass(frozen=True)
class TrainableTimm:
    """A frozen model as something to train."""

    frozen: FrozenTimm
    family: ClassVar[Family] = "image"
    learning: ClassVar[NetworkSettings] = NetworkSettings(
        epochs=5, batch_size=32, optimizer="adamw", learning_rate=5e-5, head_learning_rate=5e-3, schedule="linear"
    )
    brings: ClassVar[str] = ""

    @property
    def trained(self) -> TrainedTimm:
        """The model as one that is trained as a whole."""
        frozen = self.frozen
        return TrainedTimm(frozen.spec, frozen.folder, frozen.source, frozen.config, frozen.width)

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> EncodedImages:
        """The images as they are; training crops them."""
        return self.trained.encode(table, compute, progress)

    def new_classifier(self, num_classes: int, generator: torch.Generator) -> Classifier:
        """The pretrained model with a fresh head."""
        return self.trained.new_classifier(num_classes, generator)

    def keep(self, module: Classifier, folder: Path) -> None:
        """Write the trained model into an existing folder; its head comes along and is read by nobody."""
        names = ClassNames(tuple(map(str, range(module.num_classes))), "string")
        self.trained.write_module(folder, module, names)

    def kept(self, folder: Path) -> FrozenTimm:
        """What `keep` wrote, as fixed features."""
        return self.frozen.learnt_in(folder)
