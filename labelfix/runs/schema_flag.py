"""What `labelfix flag --format json` and rows of corrected labels look like; see `labelfix.runs.schema`."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from labelfix.runs.schema import Count, Share, Whole
from labelfix.runs.schema_evidence import Guarantee, NewRows
from labelfix.settings.gate import Severity

Action = Literal["keep", "relabel", "review", "fill"]


class Finding(Struct):
    """A row whose given label looks wrong."""

    id: str | int
    file: str
    row: Count
    line: Count | None
    given_label: str
    suggested_label: str
    confidence: Share
    label_score: Share
    snippet: str | None
    severity: Severity
    owner: str | None
    content_hash: str | None
    trusted: bool | UnsetType = UNSET


class GateResult(Struct):
    """One of the things that the verdict rests on."""

    name: str
    class_: str | None = field(name="class")
    files: str | None
    source: str | None
    value: float
    limit: float
    passed: bool
    owner: str | None


class DriftResult(Struct):
    """Whether classes have other shares than in what the rows were compared with."""

    what: str
    against: str
    rows: Whole
    rows_against: Whole
    p: Share | None
    level: Share
    distance: Share
    tolerance: Share
    class_: str = field(name="class")
    share: Share
    share_against: Share
    passed: bool


class NoiseRate(Struct):
    """The estimated noise rate with its 95 % interval."""

    value: Share
    low: Share
    high: Share
    rows: Whole
    how: str


class Flagged(Struct):
    """What `labelfix flag --format json` says; `findings` are the worst ones first."""

    format_version: Literal[1]
    source: str
    run_id: str
    min_confidence: Share
    rows: Whole
    labelled: Whole
    trusted: Whole
    issues: Whole
    accepted: Whole
    edited: Whole
    issue_rate: Share
    max_issue_rate: Share | None
    gates: list[GateResult]
    passed: bool | None
    findings: list[Finding]
    drift: list[DriftResult] | UnsetType = UNSET
    noise_rate: NoiseRate | UnsetType = UNSET
    max_noise_rate: Share | UnsetType = UNSET
    new_rows: NewRows | UnsetType = UNSET
    max_false_flags: Share | UnsetType = UNSET
    guarantee: Guarantee | UnsetType = UNSET
    smallest_share: Share | UnsetType = UNSET
    budget: Count | UnsetType = UNSET


class CorrectedRow(Struct):
    """A row of corrected labels as JSON Lines and Parquet hold it; text formats have `p_<class>` for `soft_label`."""

    id: str | int
    given_label: str | None
    suggested_label: str
    confidence: Share
    corrected_label: str
    is_label_issue: bool
    action: Action
    label_score: Share | None
    predicted_label: str
    source_file: str
    source_row: Count
    soft_label: list[float] | UnsetType = UNSET
    soft_label_classes: list[str] | UnsetType = UNSET
    p_value: Share | None | UnsetType = UNSET
    duplicate_of: str | int | None | UnsetType = UNSET
    outlier_score: float | None | UnsetType = UNSET


def published(name: str) -> dict[str, Any]:
    """The JSON Schema of one of the documents of `PUBLISHED`."""
    import msgspec

    from labelfix.runs import certificate, schema, schema_evidence

    types: dict[str, tuple[Any, ...]] = {
        "flag": (Flagged,),
        "metrics": (schema_evidence.Metrics,),
        "run": (schema.Manifest,),
        "certificate": (certificate.Certificate,),
        "corrected": (CorrectedRow, schema_evidence.Corrected),
    }
    roots, definitions = msgspec.json.schema_components(types[name], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": PUBLISHED[name],
        **roots[0],
        "$defs": _portable(definitions),
    }


PUBLISHED = {
    "flag": "what `labelfix flag --format json` writes",
    "metrics": "metrics.json of a run",
    "run": "run.json of a run",
    "certificate": "certificate.json of a run, and what `labelfix certify --format json` writes",
    "corrected": "a row of corrected labels; $defs.Corrected is the metadata `labelfix` of a Parquet file of them",
}
"""What `labelfix schema` takes, and what each describes."""


def _portable(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can say
    r"""A schema whose patterns other languages read: they know no `\A` and `\Z`."""
    if isinstance(value, dict):
        return {
            key: each.replace(r"\A", "^").replace(r"\Z", "$") if key == "pattern" else _portable(each)
            for key, each in value.items()
        }
    return [_portable(each) for each in value] if isinstance(value, list) else value
