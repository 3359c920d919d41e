"""How a table's inputs become what a classifier reads, and how a saved way of encoding comes back.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from labelfix.data.tables import ClassNames, Codes, InputSpec, InputTable, Logits, Probabilities
from labelfix.errors import RunError
from labelfix.extras import need
from labelfix.models.encoding import Card
from labelfix.models.features import Inputs
from labelfix.models.images.patches import PatchFeatures
from labelfix.models.tables.features import EmbeddingFeatures, TableFeatures
from labelfix.models.tables.kernel import KernelTable
from labelfix.models.text.hashed import HashedText
from labelfix.models.text.lexical import LexicalText
from labelfix.models.views import Views, view_folder
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


CHEAP = ("hashed-text", "lexical", "table", "kernel", "embedding")
"""Families whose encoding is cheaper to make than to keep: new rows are encoded block by block."""


class Representation(Protocol):
    """Encodes rows, makes the classifier that reads them, and knows how both are kept."""

    @property
    def family(self) -> str:
        """Its key in `labelfix.json`."""

    @property
    def description(self) -> str:
        """One line for people."""

    @property
    def identity(self) -> str:
        """Hash of everything beside the rows that determines the encoding."""

    @property
    def frozen(self) -> bool:
        """Whether the classifier is a linear head on fixed features."""

    @property
    def feature_width(self) -> int:
        """D, the width of h(x)."""

    @property
    def spec(self) -> InputSpec:
        """The input columns it reads."""

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> Inputs:
        """The table's rows, encoded in its order; taken from the cache where they are there."""

    def new_classifier(self, num_classes: int, generator: torch.Generator) -> Classifier:
        """A freshly initialised classifier."""

    def to_json(self) -> dict[str, Any]:
        """Plain values that bring it back, beside `spec`."""

    def predictor(self, classifier: Classifier, device: torch.device) -> Predictor:
        """A trained classifier, ready to be asked."""

    def write_predictor(self, folder: Path, predictor: Any, classes: ClassNames) -> None:  # noqa: ANN401 - one of its own
        """Write a classifier's weights, and what else is needed to use it, into an existing folder."""

    def read_predictor(self, folder: Path, num_classes: int, device: str) -> Predictor:
        """The classifier that `write_predictor` wrote."""

    def card(self) -> Card:
        """How to use a saved classifier without labelfix."""


def representation_from_json(family: str, values: dict[str, Any], spec: InputSpec, folder: Path) -> Representation:
    """Bring back a saved representation from what its `to_json` gave."""
    if family == "views":
        return _views_from_json(values, spec, folder)
    if family in _NETWORKS:
        module, name, packages = _NETWORKS[family]
        need(f"{folder}: scoring by a network", *packages)
        kind: Any = getattr(import_module(f"labelfix.models.{module}"), name)
    elif family in _LIGHT:
        kind = _LIGHT[family]
    else:
        raise RunError(f"{folder}: a classifier of the family {family!r} needs a newer labelfix; update it")
    found: Representation = kind.from_json(values, spec, folder)
    return found


_LIGHT: Mapping[str, Any] = {
    each.family: each
    for each in (HashedText, LexicalText, PatchFeatures, TableFeatures, KernelTable, EmbeddingFeatures)
}
"""Families that are encoded and scored without any network."""

_TEXTS, _IMAGES = ("torch", "transformers"), ("torch", "timm", "torchvision")
_NETWORKS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "small-network": ("images.small_network", "LearntImages", ("torch",)),
    "resnet32": ("images.small", "SmallImages", ("torch",)),
    "transformers": ("text.encoder", "FrozenText", _TEXTS),
    "transformers-fine-tuned": ("text.fine_tuned", "FineTunedText", _TEXTS),
    "timm": ("images.encoder", "FrozenTimm", _IMAGES),
    "timm-fine-tuned": ("images.fine_tuned", "TrainedTimm", _IMAGES),
}
"""Families that a network encodes or is: the module, which loads when it is asked for, the class, and what it needs."""


def _views_from_json(values: dict[str, Any], spec: InputSpec, folder: Path) -> Views:
    found: list[Any] = []
    for number, view in enumerate(values["views"], start=1):
        columns = InputSpec.from_json(view["input"])
        if columns not in spec.parts:
            raise ValueError(f"view {number} reads columns that are not among the inputs")
        found.append(representation_from_json(view["family"], view["encoding"], columns, view_folder(folder, number)))
    each = (view["weight"] for view in values["views"])
    weights = tuple(tuple(map(float, own if isinstance(own, list) else [own])) for own in each)
    if [len(own) for own in weights] != [view.part_count for view in found]:
        raise ValueError("a view has not one weight for each of its parts")
    return Views(spec, tuple(found), weights)


def is_cheap(representation: Representation) -> bool:
    """Whether encoding new rows costs less than keeping what comes of it."""
    if isinstance(representation, Views):
        return all(view.family in CHEAP for view in representation.views)
    return representation.family in CHEAP
