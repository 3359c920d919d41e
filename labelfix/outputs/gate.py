"""The gate of `labelfix flag`: findings from corrected labels, and the three ways of showing them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.errors import input_error
from labelfix.outputs.exports import corrected_metadata
from labelfix.outputs.plain_text import visible

FORMAT_VERSION = 1
GITHUB_ANNOTATIONS = 10
"""GitHub shows ten annotations of a kind a step and drops the rest."""


@dataclass(frozen=True)
class Finding:
    """A row whose given label looks wrong.

    Attributes:
        id: The row's id.
        file: The source file as the user named it.
        row: Row of that file, counted from 1.
        given: The given label.
        suggested: The label that the soft label favours.
        confidence: Probability of the suggested label, in [0, 1].
        label_score: Probability that the given label is right, in [0, 1]; lower is worse.
        snippet: The beginning of the row's text, or its image's file name; None where the source cannot be read.
        line: Line of a text file that the row begins on; None for other files.
        path: The image's own file, where the source is a folder of images; None elsewhere.
    """

    id: str | int
    file: str
    row: int
    given: str
    suggested: str
    confidence: float
    label_score: float
    snippet: str | None = None
    line: int | None = None
    path: str | None = None

    @property
    def place(self) -> str:
        """`file:row`, or the image's own file."""
        return self.path or f"{self.file}:{self.row}"


LookUp = Callable[[Sequence[Finding]], Sequence[Finding]]


@dataclass(frozen=True)
class Judgement:
    """What the gate says.

    Attributes:
        source: The run or file that was judged, as the user named it.
        run_id: Id of the run that scored the rows.
        min_confidence: A row is a finding only where the confidence reaches this.
        rows: Rows in all.
        labelled: Rows with a given label: the denominator.
        accepted: Findings left out because the baseline accepts them.
        findings: The rest, worst first: lowest label_score, then highest confidence, then order of the rows.
        max_issue_rate: The gate; None where there is none.
    """

    source: str
    run_id: str
    min_confidence: float
    rows: int
    labelled: int
    accepted: int
    findings: tuple[Finding, ...]
    max_issue_rate: float | None

    @property
    def issue_rate(self) -> float:
        """Findings per labelled row, in [0, 1]; 0 where no row is labelled."""
        return len(self.findings) / self.labelled if self.labelled else 0.0

    @property
    def passed(self) -> bool | None:
        """Whether the rate is at or below the gate; None without a gate."""
        return None if self.max_issue_rate is None else self.issue_rate <= self.max_issue_rate


def judge(
    table: pa.Table,
    source: str,
    max_issue_rate: float | None = None,
    min_confidence: float | None = None,
    accepted: Collection[str] = (),
) -> Judgement:
    """Judge corrected labels.

    Args:
        table: Corrected labels, as `read_corrected` gives them.
        source: What to call them.
        max_issue_rate: The gate, in [0, 1]; None only lists.
        min_confidence: Take the issues at this threshold instead of the one they were made with.
        accepted: Ids (as text) that are no findings any more.

    Raises:
        InputError: There is a gate and no row with a label to judge.
    """
    metadata = corrected_metadata(table)
    labelled = len(table) - table["given_label"].null_count
    if max_issue_rate is not None and not labelled:
        what = "has no row with a given label, so there is no rate to judge"
        raise input_error(source, what, "leave out --max-issue-rate")
    issues = _issues(table.combine_chunks(), min_confidence)
    findings = [found for found in issues if str(found.id) not in accepted]
    # The sort is stable: what ties in both keeps the order of the rows.
    findings.sort(key=lambda found: (found.label_score, -found.confidence))
    return Judgement(
        source=source,
        run_id=metadata.run_id,
        min_confidence=metadata.min_confidence if min_confidence is None else min_confidence,
        rows=len(table),
        labelled=labelled,
        accepted=len(issues) - len(findings),
        findings=tuple(findings),
        max_issue_rate=max_issue_rate,
    )


def with_details(judgement: Judgement, details: LookUp, show: int) -> Judgement:
    """The judgement with its `show` worst findings looked up in their sources.

    Args:
        judgement: The judgement.
        details: Gives the findings back with `snippet` or `line` filled.
        show: How many to look up.
    """
    return replace(judgement, findings=(*details(judgement.findings[:show]), *judgement.findings[show:]))


def as_text(judgement: Judgement, show: int) -> str:
    """The `show` worst findings as aligned lines for a terminal, then the verdict."""
    lines = _table(judgement.findings[:show])
    hidden = len(judgement.findings) - min(show, len(judgement.findings))
    if hidden:
        lines.append(f"… and {hidden:,} more (--show {len(judgement.findings)} lists them all)")
    return "\n".join([*lines, summary(judgement)])


def as_json(judgement: Judgement, show: int | None) -> str:
    """The judgement as JSON, with the `show` worst findings (None: all); plain ASCII, so that it is safe to print."""
    findings = judgement.findings if show is None else judgement.findings[:show]
    value: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "source": judgement.source,
        "run_id": judgement.run_id,
        "min_confidence": judgement.min_confidence,
        "rows": judgement.rows,
        "labelled": judgement.labelled,
        "issues": len(judgement.findings),
        "accepted": judgement.accepted,
        "issue_rate": judgement.issue_rate,
        "max_issue_rate": judgement.max_issue_rate,
        "passed": judgement.passed,
        "findings": [
            {
                "id": found.id,
                "file": found.file,
                "row": found.row,
                "given_label": found.given,
                "suggested_label": found.suggested,
                "confidence": found.confidence,
                "label_score": found.label_score,
                "snippet": found.snippet,
            }
            for found in findings
        ],
    }
    return json.dumps(value, indent=2)


def as_github(judgement: Judgement) -> str:
    """Workflow commands: an annotation for each of the ten worst findings, then a plain line with the total."""
    lines = [_annotation(found) for found in judgement.findings[:GITHUB_ANNOTATIONS]]
    return "\n".join([*lines, summary(judgement)])


def summary(judgement: Judgement) -> str:
    """The verdict in one line."""
    found = f"{len(judgement.findings):,} of {judgement.labelled:,} labelled rows look wrong"
    accepted = f", {judgement.accepted:,} accepted before" if judgement.accepted else ""
    rate = f"{found} ({_percent(judgement.issue_rate)})"
    said = f"{visible(judgement.source)}: {rate} at confidence {judgement.min_confidence:g} or more{accepted}"
    if judgement.max_issue_rate is None:
        return said
    relation = "at or below" if judgement.passed else "above"
    return f"{said}; {relation} the gate of {_percent(judgement.max_issue_rate)}"


def _issues(table: pa.Table, min_confidence: float | None) -> list[Finding]:
    """The issues in the order of the rows.

    By NumPy on the columns' buffers: pyarrow.compute alone would take a third of the time that `flag` needs to start.
    """
    if min_confidence is None:
        issue = _values(table["is_label_issue"])
    else:
        labels = zip(table["given_label"].to_pylist(), table["suggested_label"].to_pylist(), strict=True)
        differs = np.array([given is not None and given != suggested for given, suggested in labels], bool)
        issue = differs & (_values(table["confidence"]) >= np.float32(min_confidence))
    names = ("id", "source_file", "source_row", "given_label", "suggested_label", "confidence", "label_score")
    columns = [table.column(name) for name in names]
    return [Finding(*(column[row].as_py() for column in columns)) for row in np.flatnonzero(issue).tolist()]


def _values(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """A column of booleans or float32 without nulls as an array; `to_numpy` would import pandas."""
    parts: list[npt.NDArray[Any]] = [np.empty(0, bool if pa.types.is_boolean(column.type) else np.float32)]
    for chunk in filter(len, column.chunks):
        data, rows = chunk.buffers()[1], slice(chunk.offset, chunk.offset + len(chunk))
        if pa.types.is_boolean(chunk.type):
            parts.append(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[rows].astype(bool))
        else:
            parts.append(np.frombuffer(data, np.float32)[rows])
    return np.concatenate(parts)


def _table(findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    rows = [("id", "where", "given -> suggested", "confidence", "")]
    for found in findings:
        change = f"{visible(found.given)} -> {visible(found.suggested)}"
        confidence = f"{found.confidence:.3f}"
        rows.append((visible(str(found.id)), visible(found.place), change, confidence, found.snippet or ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _annotation(found: Finding) -> str:
    line = "" if found.line is None else f",line={found.line}"
    place = f"file={_property(visible(found.path or found.file))}{line}"
    title = _property(f"label {visible(found.given)} looks wrong")
    where = f"id {visible(str(found.id))}, row {found.row}"
    text = f"{where}: {visible(found.given)} -> {visible(found.suggested)} (confidence {found.confidence:.3f})"
    return f"::warning {place},title={title}::{_message(text + (f': {found.snippet}' if found.snippet else ''))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _percent(rate: float) -> str:
    """A share in percent with enough digits to be told from its neighbours: `5 %`, `2.57 %`, `0.013 %`."""
    percent = 100 * rate
    return f"{percent:.{2 if percent >= 0.1 or percent == 0 else 5}f}".rstrip("0").rstrip(".") + " %"
