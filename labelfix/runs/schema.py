"""What each JSON file of a run has to look like: types, ranges, and lengths that hang together.

A key that has a default may be missing, as in runs of earlier versions; keys that are not named here are left alone.
Whole numbers are rows, counts and widths: 0 to 2^53, beyond which JSON's readers disagree.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from labelfix.settings.data import is_encoding

Whole = Annotated[int, Meta(ge=0, le=1 << 53)]
Count = Annotated[int, Meta(ge=1, le=1 << 53)]
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(pattern=r"\A[^\x00]*\Z")]
"""Name of a file or a folder: no system has one with a NUL in it."""

FileName = Annotated[str, Meta(pattern=r"\A[^\x00]+\Z")]
"""The same, of an input: the empty one would be the working directory."""

Sampling = Literal["random", "per-class", "per-label", "picked"]
ValueType = Literal["string", "integer", "float", "boolean"]
InputKind = Literal["text", "image", "table", "embedding"]
Classes = Annotated[list[str], Meta(min_length=1)]


class RateFields(Struct):
    """A figure with its interval; None where nothing is known."""

    value: float | None
    low: float | None
    high: float | None
    rows: Whole


class Estimate(Struct):
    """A figure with its interval, both known."""

    value: float
    low: float
    high: float
    rows: Whole


class Verdict(Struct):
    """What to make of a run."""

    labels: str
    classifier: str
    sentence: str


class Counts(Struct):
    """Rows of each kind."""

    noisy: Whole
    actions: dict[str, Whole]
    labelled: Whole = 0
    noisy_training: Whole = 0
    clean: Whole = 0
    paired: Whole = 0
    paired_given_wrong: RateFields | None = None
    classes: Whole = 0


class InputsOfKind(Struct):
    """The input columns of one kind."""

    kind: InputKind
    columns: Annotated[list[str], Meta(min_length=1)]
    categorical: list[str]
    width: Annotated[int, Meta(ge=1, le=1 << 31)] | None
    dates: list[str] = []
    units: list[tuple[str, str]] = []

    def __post_init__(self) -> None:
        """Categories, dates and numbers with units are some of the columns."""
        for name in (*self.categorical, *self.dates, *(name for name, _ in self.units)):
            if name not in self.columns:
                raise ValueError(f"{name!r} is not one of its columns")
        if self.kind == "embedding" and self.width is None:
            raise ValueError("an embedding has a width")


class Inputs(InputsOfKind):
    """The input columns."""

    beside: Annotated[list[InputsOfKind], Meta(max_length=3)] = []

    def __post_init__(self) -> None:
        """Every kind and every column stands there once."""
        super().__post_init__()
        parts: list[InputsOfKind] = [self, *self.beside]
        for named in ([part.kind for part in parts], [name for part in parts for name in part.columns]):
            if len(set(named)) < len(named):
                raise ValueError("a kind or a column stands there twice")


class Columns(Struct):
    """What the columns of the inputs mean."""

    id: str | None
    label: str | None
    clean_id: str | None
    clean_label: str | None
    inputs: Inputs
    sources: list[str] = []
    names: list[str] = []
    main: str | None = None

    def __post_init__(self) -> None:
        """Labels come from a column or from sources, each named once, the main one among them."""
        refuse_repeated(self.names)
        if self.label is None and not self.names:
            raise ValueError("label names no column, and there are no sources")
        if self.main is not None and self.main not in self.names:
            raise ValueError(f"main: {self.main!r} is not one of the sources")


class Part(Struct):
    """One of several sources that are read as one."""

    name: FileName
    format: str
    files: list[FileName]
    content_hash: str


class Source(Struct):
    """An input."""

    name: FileName
    format: str
    files: list[FileName]
    content_hash: str
    rows: Whole
    encoding: str | None = None
    split: str | None = None
    parts: list[Part] = []

    def __post_init__(self) -> None:
        """Python knows the encoding."""
        refuse_unknown_encoding(self.encoding)


class Data(Struct):
    """Both inputs."""

    noisy: Source
    clean: Source


class Names(Struct):
    """The classes, and how the noisy file writes them."""

    names: Classes
    value_type: ValueType = "string"
    stored: list[str] = []
    aliases: list[tuple[str, str]] = []

    def __post_init__(self) -> None:
        """Every class is one, and its stored form is given for all or none."""
        refuse_repeated(self.names)
        if self.stored and len(self.stored) != len(self.names):
            raise ValueError(f"stored has {len(self.stored)} entries for {len(self.names)} classes")
        for _, name in self.aliases:
            if name not in self.names:
                raise ValueError(f"aliases: {name!r} is no class")


class Manifest(Struct):
    """`run.json`, of which a command may need but few keys."""

    format_version: Count
    run_id: str | UnsetType = UNSET
    min_confidence: Share | UnsetType = UNSET
    class_names: Names | UnsetType = UNSET
    columns: Columns | UnsetType = UNSET
    data: Data | UnsetType = UNSET
    trusted_rows: list[Whole] | UnsetType = UNSET
    chosen_rows: list[Whole] = []
    classes: Classes | UnsetType = UNSET
    method: str | UnsetType = UNSET
    seed: Whole | UnsetType = UNSET
    joined_by: str | UnsetType = UNSET
    finished: str | UnsetType = UNSET
    labelfix: str | None | UnsetType = UNSET
    versions: dict[str, str | None] | UnsetType = UNSET
    counts: Counts | UnsetType = UNSET
    seconds: dict[str, float] | UnsetType = UNSET
    sampling: Sampling | UnsetType = UNSET
    warnings: list[str] = []
    representation: str = ""
    features: Literal["fixed", "learnable", "learnt"] = "fixed"
    verdict: Verdict | None = None
    directory: Name = ""
    origin: str = ""

    def __post_init__(self) -> None:
        """Trusted rows are rows of the noisy input, and the classes are named alike."""
        if isinstance(self.data, Data) and isinstance(self.trusted_rows, list):
            last, rows = max(self.trusted_rows, default=-1), self.data.noisy.rows
            if last >= rows:
                raise ValueError(f"trusted_rows names row {last + 1:,}, but there are {rows:,}")
            if not set(self.chosen_rows) <= set(self.trusted_rows):
                raise ValueError("chosen_rows names a row that is not trusted")
        named = self.class_names.names if isinstance(self.class_names, Names) else self.classes
        if self.classes not in (UNSET, named):
            raise ValueError("classes and class_names.names differ")


NEEDED = (
    *("run_id", "min_confidence", "class_names", "columns", "data", "trusted_rows", "classes", "method", "seed"),
    *("joined_by", "finished", "labelfix", "versions", "counts", "seconds"),
)
"""Keys of `run.json` without which a finished run cannot be used."""


class BegunSettings(Struct):
    """Settings of an unfinished run; what they are beside this is looked at as any configuration is."""

    method: str


class OriginFields(Struct):
    """The mark of an unfinished run."""

    settings: BegunSettings
    noisy: Name | None
    clean: Annotated[list[Name], Meta(min_length=1)] | None
    directory: Name
    contents: dict[str, str]
    device: str
    replaces: bool = False
    stands: bool = False


def refuse_unknown_encoding(name: str | None) -> None:
    """Refuse an encoding of text that Python does not have; for `__post_init__`."""
    if name is not None and not is_encoding(name):
        raise ValueError(f"encoding: {name[:40]!r} is not one that Python knows")


def refuse_repeated(names: list[str]) -> None:
    """Refuse classes of one name; for `__post_init__`."""
    if len(set(names)) < len(names):
        raise ValueError("a class stands there twice")
