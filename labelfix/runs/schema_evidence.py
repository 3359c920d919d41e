"""What `metrics.json` has to look like, and what a file of new rows says of itself; see `labelfix.runs.schema`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from labelfix.runs.schema import (
    Classes,
    Count,
    Counts,
    Estimate,
    RateFields,
    Share,
    Verdict,
    Whole,
    refuse_repeated,
    refuse_unknown_encoding,
)


class JudgedOn(Struct):
    """The rows that judge."""

    rows: Whole
    how: str
    trained: Whole = 0
    chosen: Whole = 0
    paired: Whole = 0
    sampling: str = ""


class Bin(Struct):
    """A point of a reliability curve."""

    low: Share
    high: Share
    rows: Annotated[float, Meta(gt=0)]
    confidence: float
    right: float


class Curve(Struct):
    """How far probabilities mean what they say."""

    chosen: str
    rows: Whole
    ece: float | None
    nll: float | None
    reliability: list[Bin]
    nll_before: float | None = None


class Calibration(Struct):
    """Curves of the soft labels, and of the classifier alone."""

    soft_labels: Curve
    classifier: Curve | None = None


class OfClass(RateFields, kw_only=True):
    """The noise of a class."""

    class_: str = field(name="class")


class Transition(Struct):
    """The transition matrix with its interval."""

    value: list[list[float | None]]
    low: list[list[float | None]]
    high: list[list[float | None]]


class Noise(Struct):
    """How many given labels are wrong."""

    rate: RateFields
    classes: list[OfClass]
    how: str
    coverage: bool
    transition: Transition | None = None


class Guarantee(Struct):
    """What p-values rest on."""

    rows: Whole
    smallest_p: Annotated[float, Meta(gt=0, le=1)]
    effective_rows: Annotated[float, Meta(ge=0)] = 0.0
    paired: bool = False
    weighted: bool = False
    assumption: str | None = None
    per_class: bool = False


class Entry(Struct):
    """One way of using the rows."""

    name: str
    about: str
    accuracy: Estimate
    nll: RateFields
    gain: RateFields
    nll_gain: RateFields
    agreement: Estimate | None = None
    agreement_gap: RateFields | None = None


class Ledger(Struct):
    """All of them."""

    entries: list[Entry]
    given_labels: Estimate | None = None
    corrected_labels: Estimate | None = None
    difference: Estimate | None = None
    noisy_rows_heard: bool = False
    chosen: Whole = 0

    def __post_init__(self) -> None:
        """How many labels are right is known before and after, or not at all."""
        known = {each is None for each in (self.given_labels, self.corrected_labels, self.difference)}
        if len(known) > 1:
            raise ValueError("given_labels, corrected_labels and difference go together")


class Doubted(Struct):
    """A trusted row in doubt."""

    id: str | int
    file: str
    row: Whole
    label: str
    suggested: str
    probability: float


class NewRows(Struct):
    """What is assumed of rows that come later."""

    rows: Whole = 0
    labelled: Whole = 0
    assumed: str = ""
    not_met: list[str] = []


class OfSource(Struct):
    """What a source is worth."""

    name: str
    rows: Whole
    labels: Whole
    accuracy: RateFields
    classes: list[OfClass] = []
    confusion: list[list[Whole]] = []
    weight: float | None = None
    lost: float | None = None
    lost_nll: float | None = None
    words: list[str] = []


class Together(Struct):
    """Two sources that say the same more often than their errors explain."""

    sources: list[str]
    surplus: float
    rows: Whole
    same: float


class Sources(Struct):
    """What several sources are worth."""

    each: list[OfSource]
    together: list[Together] = []
    ways: list[Entry] = []
    weighed_again: bool = True


class Evidence(Struct):
    """How far a run, or a file of new rows, may be trusted."""

    judged_on: JudgedOn | None = None
    assumption: str | None = None
    noisy_rows: str = ""
    calibration: Calibration | None = None
    noise: Noise | None = None
    guarantee: Guarantee | None = None
    ledger: Ledger | None = None
    verdict: Verdict | None = None
    doubted: list[Doubted] = []
    checks: dict[str, Whole | list[str] | None] = {}
    new_rows: NewRows | None = None
    sources: Sources | None = None


class ClassifierRight(RateFields, kw_only=True):
    """How often the classifier is right."""

    judged_on: str


class Metrics(Struct):
    """`metrics.json`; what a method says of itself is for people and looked at by none."""

    counts: Counts | None = None
    evidence: Evidence | None = None
    classifier_right: ClassifierRight | None = None


class Corrected(Struct):
    """The metadata `labelfix` of corrected labels."""

    classes: Classes
    value_type: str
    min_confidence: Share
    run_id: str
    id_column: str | None = None
    input_kind: str | None = None
    input_columns: list[str] = []
    soft_top_k: Count | None = None
    encoding: str | None = None
    sources: list[str] = []

    def __post_init__(self) -> None:
        """Every class is one, Python knows the encoding, and what is read stands in a column."""
        refuse_repeated(self.classes)
        refuse_unknown_encoding(self.encoding)
        if self.input_kind is not None and not self.input_columns:
            raise ValueError("input_columns names none, and there is an input_kind")
