"""What the descriptions of a classifier, of correctors and of judges have to look like; see `labelfix.runs.schema`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from labelfix.runs.schema import (
    Classes,
    Inputs,
    InputsOfKind,
    Name,
    Positive,
    Sampling,
    Share,
    ValueType,
    Whole,
    refuse_repeated,
)
from labelfix.runs.schema_evidence import Guarantee

Width = Annotated[int, Meta(ge=1, le=1 << 31)]


class About(Struct):
    """`classifier/labelfix.json`; `encoding` is looked at by its family (`ENCODINGS`)."""

    format: int
    family: str
    classes: Classes
    value_type: ValueType
    temperature: Positive
    input: Inputs
    encoding: dict[str, Any]
    description: str = ""

    def __post_init__(self) -> None:
        """Every class is one."""
        refuse_repeated(self.classes)


class Table(Struct):
    """Standardised numbers and one-hot categories."""

    mean: list[float]
    deviation: list[Positive]
    categories: list[list[str]]
    length: Positive
    missing: dict[str, Whole]
    crowded: dict[str, Whole]
    hidden_units: Width | None


class KernelTable(Table):
    """Nearness of rows, beside the linear features that it is made of."""

    source: str
    width: Width


class Embedding(Struct):
    """Ready embeddings."""

    hidden_units: Width | None


class HashedText(Struct):
    """Hashed words."""

    dimensions: Annotated[int, Meta(ge=2, le=1 << 31)]


class Lexical(Struct):
    """Words, word pairs and groups of letters on their main directions; before groups there were words alone."""

    source: str
    rows: Whole
    terms: Whole
    width: Whole
    groups: Whole | UnsetType = UNSET
    groups_width: Whole | UnsetType = UNSET


class View(Struct):
    """One of several views; `encoding` is looked at by its family."""

    family: str
    weight: Positive | Annotated[list[Positive], Meta(min_length=2, max_length=2)]
    input: InputsOfKind
    encoding: dict[str, Any]
    description: str = ""

    def __post_init__(self) -> None:
        """It is of a family whose features are fixed."""
        if self.family not in FROZEN:
            raise ValueError(f"{self.family!r} is no family of fixed features")


class Views(Struct):
    """Several views side by side."""

    views: Annotated[list[View], Meta(min_length=1, max_length=100)]


class SmallImages(Struct):
    """ResNet-32."""

    side: Annotated[int, Meta(ge=1, le=1 << 16)]


class Patches(Struct):
    """Patch features."""

    side: Annotated[int, Meta(ge=8, le=1 << 10)]
    patch: Annotated[int, Meta(ge=1, le=1 << 8)]
    contrast: Positive
    threshold: Annotated[float, Meta(ge=0)]
    softening: Positive
    width: Width
    atoms: Width | Annotated[list[Width], Meta(min_length=1, max_length=2)]
    handed_width: Width | None = None
    handed_weight: Annotated[float, Meta(ge=0, le=1)] = 0.0

    def __post_init__(self) -> None:
        """A map of patches has four quarters."""
        scales = 1 if isinstance(self.atoms, int) else len(self.atoms)
        if self.patch >= self.side or (scales > 1 and self.patch >= self.side // 2):
            raise ValueError("patches are as large as the images")


class FrozenText(Struct):
    """A frozen encoder of texts."""

    name: Name
    encoder: Name
    source: str
    pooling: Annotated[list[str], Meta(min_length=1)]
    max_tokens: Width
    batch_size: Width
    width: Width
    lower_layer: Width | None = None


class TrainedText(Struct):
    """A trained encoder of texts."""

    name: Name
    source: str
    max_tokens: Width
    width: Width


class FrozenImages(Struct):
    """A frozen encoder of images."""

    name: Name
    encoder: Name
    source: str
    data_config: dict[str, Any]
    batch_size: Width
    width: Width


class TrainedImages(Struct):
    """A trained encoder of images."""

    name: Name
    source: str
    data_config: dict[str, Any]
    width: Width


ENCODINGS: dict[str, type[Struct]] = {
    "table": Table,
    "kernel": KernelTable,
    "embedding": Embedding,
    "hashed-text": HashedText,
    "lexical": Lexical,
    "views": Views,
    "patches": Patches,
    "resnet32": SmallImages,
    "small-network": SmallImages,
    "transformers": FrozenText,
    "transformers-fine-tuned": TrainedText,
    "timm": FrozenImages,
    "timm-fine-tuned": TrainedImages,
}
"""Family → what its `encoding` holds."""


FROZEN = ("table", "kernel", "embedding", "hashed-text", "lexical", "transformers", "patches", "small-network", "timm")
"""Families that a view may be of."""


def encoding_of(family: str, place: str = "encoding") -> type[Struct]:
    """An object with the `encoding` of a family of `ENCODINGS`, so that faults are named as in the whole file."""
    return defstruct("Encoding", [("encoding", ENCODINGS[family])], rename={"encoding": place})


class LabelCorrectionNetwork(Struct, tag_field="kind", tag="label-correction-network"):
    """A label correction network."""

    feature_width: Width
    num_classes: Width
    hidden: Width
    embedding: Width
    skip: bool
    temperature: Positive
    classifier_temperature: Positive


class Posterior(Struct, tag_field="kind", tag="posterior"):
    """A Bayes posterior."""

    beta: Positive
    temperature: Positive


class SeveralSources(Struct, tag_field="kind", tag="sources"):
    """A Bayes posterior of several sources."""

    beta: Positive


class Flags(Struct, tag_field="kind", tag="flags"):
    """Verdicts on rows."""

    temperature: Positive


class Mixture(Struct, tag_field="kind", tag="mixture"):
    """A mixture of given label and classifier."""

    weigher: Literal["loss", "agreement", "constant"]
    largest: Annotated[float, Meta(ge=0)]
    share: Share
    temperature: Positive


class Calibrated(Struct, tag_field="kind", tag="calibrated"):
    """A corrector that is scaled."""


Corrector = LabelCorrectionNetwork | Posterior | SeveralSources | Flags | Mixture | Calibrated
"""`corrector.json`."""


class Judges(Struct):
    """`judges.json`."""

    models: Annotated[int, Meta(ge=1, le=10_000)]
    per_class: bool
    sampling: Sampling
    guarantee: Guarantee
