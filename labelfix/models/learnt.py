"""Fixed features whose encoder can be trained for a while and is then fixed again.

Legend: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from labelfix.data.tables import InputSpec, InputTable
from labelfix.errors import SettingsError
from labelfix.models.classifier import Classifier
from labelfix.models.features import Inputs
from labelfix.models.frozen import FrozenFeatures
from labelfix.models.images.patches import PatchFeatures
from labelfix.models.images.small_network import TrainableImages
from labelfix.models.representation import Representation
from labelfix.models.views import Views, views_of
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings
from labelfix.settings.networks import Family, NetworkSettings


class Trainable(Protocol):
    """An encoder as something to train."""

    @property
    def family(self) -> Family:
        """What kind of network it is."""

    @property
    def learning(self) -> NetworkSettings:
        """How it learns best."""

    @property
    def brings(self) -> str:
        """What was measured of it, for a person; empty where nothing was."""

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> Inputs:
        """The table's rows as the network reads them."""

    def new_classifier(self, num_classes: int, generator: torch.Generator) -> Classifier:
        """The network before training, with a fresh head."""

    def keep(self, module: Classifier, folder: Path) -> None:
        """Write the trained network without its head into an existing folder."""

    def kept(self, folder: Path) -> FrozenFeatures:
        """What `keep` wrote, as fixed features."""


LARGEST_SIDE = 32
"""Images are scaled down to this before a small network learns from them: twice the side takes four times as long."""


WORDS = 0.5
"""The other views of a text keep this share of their weight beside learned features."""


@dataclass(frozen=True)
class Place:
    """Where an encoder stands among the views of a row.

    Attributes:
        weight: Of the features that it learns.
        stay: Number of each view that stays beside these, with the share of its weight that it keeps.
    """

    representation: FrozenFeatures
    encoder: Trainable
    spec: InputSpec
    weight: tuple[float, ...]
    stay: Mapping[int, float]

    def with_learnt(self, learnt: FrozenFeatures) -> FrozenFeatures:
        """What was learned, behind the views that stay."""
        if not self.stay:
            return learnt
        views, weights = views_of(self.representation)
        kept = [tuple(share * weight for weight in weights[number]) for number, share in self.stay.items()]
        return Views(self.representation.spec, (*(views[n] for n in self.stay), learnt), (*kept, self.weight))

    def beside(self, learnt: FrozenFeatures) -> Views:
        """What was learned, behind all views as they were."""
        views, weights = views_of(self.representation)
        return Views(self.representation.spec, (*views, learnt), (*weights, self.weight))


def place_of(representation: Representation) -> Place:
    """The part of a representation that can be trained.

    Raises:
        SettingsError: Nothing, or more than one.
    """
    assert isinstance(representation, FrozenFeatures)
    views, weights = views_of(representation)
    found = [(number, each) for number, view in enumerate(views) if (each := _trainable(view)) is not None]
    if len(found) != 1:
        many = "several encoders" if found else "no encoder"
        raise SettingsError(
            f"--no-freeze trains an encoder along, and there is {many} ({representation.description}); name one by "
            "--backbone, or leave --no-freeze away"
        )
    ((number, encoder),) = found
    spec = views[number].spec
    if views[number].family == "patches":
        return Place(representation, encoder, spec, (1.0,), dict.fromkeys(range(len(views)), 1.0))
    others = {place: WORDS if view.spec == spec else 1.0 for place, view in enumerate(views) if place != number}
    return Place(representation, encoder, spec, weights[number], others)


def can_learn(representation: Representation) -> bool:
    """Whether `place_of` finds what can be trained."""
    try:
        place_of(representation)
    except SettingsError:
        return False
    return True


def _trainable(view: FrozenFeatures) -> Trainable | None:
    if view.family == "transformers":
        from labelfix.models.text.learnt import TrainableText

        text: Any = view
        return TrainableText(text)
    if view.family == "timm":
        from labelfix.models.images.learnt import TrainableTimm

        image: Any = view
        return TrainableTimm(image)
    if isinstance(view, PatchFeatures):
        return TrainableImages(view.spec, min(view.code.rules.side, LARGEST_SIDE))
    return None
