"""How a saved way of encoding comes back: by its family, from its values and the files beside them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from labelfix.data.tables import InputSpec
from labelfix.errors import RunError
from labelfix.extras import need
from labelfix.models.images.patches import PatchFeatures
from labelfix.models.representation import Representation
from labelfix.models.tables.features import EmbeddingFeatures, TableFeatures
from labelfix.models.tables.kernel import KernelTable
from labelfix.models.text.hashed import HashedText
from labelfix.models.text.lexical import LexicalText
from labelfix.models.views import Views, view_folder

CHEAP = ("hashed-text", "lexical", "table", "kernel", "embedding")
"""Families whose encoding is cheaper to make than to keep: new rows are encoded block by block."""


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
