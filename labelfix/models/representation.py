"""How a table's inputs become what a classifier reads, and which way is chosen for which table.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch

from labelfix.data.tables import ClassNames, InputSpec, InputTable
from labelfix.errors import RunError, SettingsError
from labelfix.models.classifier import Classifier
from labelfix.models.encoding import Card
from labelfix.models.features import Inputs
from labelfix.models.image import SmallImages
from labelfix.models.patches import PatchFeatures, open_patches
from labelfix.models.table_statistics import MOST_CATEGORIES, Statistics, fit_statistics
from labelfix.models.tabular import EmbeddingFeatures, TableFeatures
from labelfix.models.text import HashedText
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings, ModelSettings

CHEAP = ("hashed-text", "table", "embedding")
"""Families whose encoding of new rows costs less than keeping it: it is made block by block and forgotten."""


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

    def write_module(self, folder: Path, module: Classifier, classes: ClassNames) -> None:
        """Write the classifier's weights, and what else is needed to use it, into an existing folder."""

    def read_module(self, folder: Path, num_classes: int) -> Classifier:
        """The classifier that `write_module` wrote."""

    def card(self) -> Card:
        """How to use a saved classifier without labelfix."""


def choose_representation(
    noisy: InputTable, settings: ModelSettings, compute: ComputeSettings, progress: Progress
) -> Representation:
    """The representation that the settings name, or the one that suits the inputs.

    Args:
        noisy: The noisy rows; statistics of table columns are taken from them.
        settings: The model's settings.
        compute: Rows read at once, and whether a hub may be asked.
        progress: Told what was chosen.

    Raises:
        SettingsError: A backbone that does not exist or does not fit the inputs.
        InputError: Images that cannot be read.
    """
    kind = noisy.spec.kind
    if kind == "text":
        chosen = _for_text(noisy, settings, compute, progress)
    elif kind == "image":
        chosen = _for_images(noisy, settings, compute, progress)
    else:
        chosen = _for_tables(noisy, settings, compute, progress)
    progress.say(f"backbone: {chosen.description}")
    return chosen


def _for_text(
    noisy: InputTable, settings: ModelSettings, compute: ComputeSettings, progress: Progress
) -> Representation:
    if settings.backbone in ("auto", "hashed-text"):
        return HashedText(noisy.spec, settings.text_dimensions)
    _refuse_others(settings.backbone, "text", ("patches", "resnet32", "linear", "mlp"), "timm:")
    from labelfix.models.text_encoder import open_text_encoder

    if not settings.freeze:
        progress.warn(
            "--no-freeze trains the encoder along, which has made the labels of texts worse: on the TREC questions it "
            "took them from 54 to 31 % right where --freeze reaches 77 %; leave it away unless you compare both"
        )
    encoder: Representation = open_text_encoder(noisy.spec, settings, compute, progress)
    return encoder


def _for_images(
    noisy: InputTable, settings: ModelSettings, compute: ComputeSettings, progress: Progress
) -> Representation:
    if settings.backbone == "patches" or (settings.backbone == "auto" and settings.freeze):
        return open_patches(noisy, settings, compute, progress)
    if settings.backbone in ("auto", "resnet32"):  # nothing of patch features could be trained along
        return SmallImages(noisy.spec, settings.image_size or 32)
    _refuse_others(settings.backbone, "images", ("hashed-text", "linear", "mlp"), "hf:")
    from labelfix.models.image_encoder import open_image_encoder

    encoder: Representation = open_image_encoder(noisy.spec, settings, compute, progress)
    return encoder


def _for_tables(
    noisy: InputTable, settings: ModelSettings, compute: ComputeSettings, progress: Progress
) -> Representation:
    what = "embeddings" if noisy.spec.kind == "embedding" else "tables"
    if settings.backbone not in ("auto", "linear", "mlp"):
        raise SettingsError(f"backbone = {settings.backbone!r} does not read {what}; they take linear or mlp")
    hidden = settings.hidden_units if settings.backbone == "mlp" else None
    if noisy.spec.kind == "embedding":
        return EmbeddingFeatures(noisy.spec, hidden)
    statistics = fit_statistics(noisy, compute.read_rows)
    _say_statistics(noisy, statistics, progress)
    return TableFeatures(noisy.spec, statistics, hidden)


def _say_statistics(noisy: InputTable, statistics: Statistics, progress: Progress) -> None:
    for name, count in statistics.missing.items():
        filled = "kept as a category" if name in noisy.spec.categorical else "filled with the mean"
        progress.say(f"{noisy.name}: column {name!r} has {count:,} missing values of {len(noisy):,}, {filled}")
    for name, count in statistics.crowded.items():
        progress.warn(
            f"{noisy.name}: column {name!r} has {count:,} categories; the {MOST_CATEGORIES} most frequent are used"
        )


def _refuse_others(backbone: str, what: str, builtin: tuple[str, ...], prefix: str) -> None:
    takes = {
        "text": "hashed-text, hf:NAME or a transformers folder",
        "images": "patches, resnet32, timm:NAME or a timm folder",
    }[what]
    if backbone in builtin or backbone.startswith(prefix):
        raise SettingsError(f"backbone = {backbone!r} does not read {what}; it takes {takes}")
    own = "hf:" if what == "text" else "timm:"
    if backbone.startswith(own) or Path(backbone).expanduser().is_dir():
        return
    if backbone.startswith((".", "/", "~")):
        raise SettingsError(f"backbone = {backbone!r}: there is no such folder; give {takes}")
    raise SettingsError(
        f"backbone = {backbone!r} is neither a folder here nor {takes}; for a model on the hub write {own}{backbone}"
    )


def representation_from_json(family: str, values: dict[str, Any], spec: InputSpec, folder: Path) -> Representation:
    """Bring back a saved representation.

    Args:
        family: Its key.
        values: What its `to_json` gave.
        spec: Its input columns.
        folder: The classifier folder.

    Raises:
        RunError: A family that this version does not know.
    """
    if family == "hashed-text":
        return HashedText.from_json(values, spec, folder)
    if family == "patches":
        return PatchFeatures.from_json(values, spec, folder)
    if family == "resnet32":
        return SmallImages.from_json(values, spec, folder)
    if family == "table":
        return TableFeatures.from_json(values, spec, folder)
    if family == "embedding":
        return EmbeddingFeatures.from_json(values, spec, folder)
    if family in ("transformers", "transformers-fine-tuned"):
        from labelfix.models import text_encoder

        text: Representation = text_encoder.from_json(family, values, spec, folder)
        return text
    if family in ("timm", "timm-fine-tuned"):
        from labelfix.models import image_encoder

        return image_encoder.from_json(family, values, spec, folder)
    raise RunError(f"{folder}: a classifier of the family {family!r} needs a newer labelfix; update it")
