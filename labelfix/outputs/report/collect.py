"""What the report shows, gathered from a run folder group by group.

Legend: N noisy rows, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.data.arrays import Counts
from labelfix.data.formats.file_checks import DAMAGED
from labelfix.errors import RunError, first_line
from labelfix.outputs.column_arrays import codes, values
from labelfix.outputs.corrected_bounds import packed_columns
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, groups, rows_at
from labelfix.outputs.corrected_schema import CorrectedMetadata
from labelfix.outputs.trust import read_evidence, read_metrics, trusted_mask
from labelfix.outputs.worst import WorstRows
from labelfix.runs import RunFolder

HISTOGRAM_BINS = 20
"""Bins of the histogram of label_score."""


@dataclass(frozen=True)
class WorstRow:
    """A row of the table of worst rows.

    Attributes:
        row: Row of that file, from 1.
        label_score: P(given label is right).
    """

    position: int
    id: str
    file: str
    row: int
    given: str
    suggested: str
    confidence: float
    label_score: float
    action: str
    p_value: float | None


@dataclass(frozen=True)
class Collected:
    """All that the report shows, but for the rows' inputs.

    Attributes:
        evidence: Of `metrics.json`; empty for runs that have none.
        before: `(K,)` given labels of each class.
        after: `(K,)` corrected labels.
        matrix: `(K, K)` given by corrected label.
        histogram: `(2, BINS)` label_score of rows that are no label issue, and of those that are.
        worst: The worst of the rows whose label is an issue or doubtful, worst first; trusted rows are not among them.
        listed: How many such rows there are in all.
        trusted_changed: Trusted rows whose given label the run changed, to the one that the person gave.
        history: Column → values, numbers only.
    """

    path: str
    manifest: Mapping[str, Any]
    evidence: Mapping[str, Any]
    metadata: CorrectedMetadata
    before: Counts
    after: Counts
    matrix: Counts
    histogram: Counts
    actions: Mapping[str, int]
    worst: tuple[WorstRow, ...]
    listed: int
    trusted_changed: int
    history: Mapping[str, list[float]]
    settings: str


def collect(folder: RunFolder, most: int) -> Collected:
    """Read a finished run."""
    manifest = folder.read_manifest()
    rows = CorrectedFile(folder.corrected)
    metadata = corrected_metadata(rows)
    names = {name: code for code, name in enumerate(metadata.classes)}
    k = len(names)
    trusted = trusted_mask(manifest, len(rows))
    before, after, matrix = np.zeros(k, np.int64), np.zeros(k, np.int64), np.zeros((k, k), np.int64)
    histogram = np.zeros((2, HISTOGRAM_BINS), np.int64)
    worst = WorstRows(most)
    trusted_changed = 0
    columns = ["given_label", "corrected_label", "is_label_issue", "label_score", "confidence", "action"]
    for first, group in groups(rows, columns):
        given, corrected = (codes(group.column(name), names) for name in columns[:2])
        issue, score, confidence = (values(group.column(name)) for name in columns[2:5])
        doubtful = codes(group.column("action"), {"review": 0}) == 0
        labelled = given >= 0
        before += np.bincount(given[labelled], minlength=k)
        after += np.bincount(corrected[corrected >= 0], minlength=k)
        np.add.at(matrix, (given[labelled], corrected[labelled]), 1)
        known = trusted[first : first + len(group)]
        trusted_changed += int((known & labelled & (given != corrected)).sum())
        judged = np.flatnonzero(labelled & ~known)
        for kind in (0, 1):
            own = judged[issue[judged] == bool(kind)]
            histogram[kind] += np.histogram(score[own], bins=HISTOGRAM_BINS, range=(0, 1))[0]
        listed = judged[issue[judged] | doubtful[judged]]
        worst.add(first + listed, score[listed], confidence[listed])
    return Collected(
        path=str(folder.path),
        manifest=manifest,
        evidence=read_evidence(folder),
        metadata=metadata,
        before=before,
        after=after,
        matrix=matrix,
        histogram=histogram,
        actions=(read_metrics(folder).get("counts") or {}).get("actions", {}),
        worst=_worst(rows, worst.rows()),
        listed=worst.seen,
        trusted_changed=trusted_changed,
        history=_history(folder),
        settings=folder.settings.read_text(encoding="utf-8", errors="replace") if folder.settings.is_file() else "",
    )


def _worst(rows: CorrectedFile, positions: npt.NDArray[np.int64]) -> tuple[WorstRow, ...]:
    names = ["id", "source_file", "source_row", "given_label", "suggested_label", "confidence", "label_score", "action"]
    names += ["p_value"] if "p_value" in rows.schema.names else []
    found = rows_at(rows, positions, names)
    each = ((position, list(found[position].values())) for position in positions.tolist())
    return tuple(WorstRow(place, str(cells[0]), *cells[1:], *[None] * (9 - len(cells))) for place, cells in each)


def _history(folder: RunFolder) -> dict[str, list[float]]:
    if not folder.history.is_file():
        return {}
    try:
        with pq.ParquetFile(folder.history) as opened:
            packed_columns(folder.history, opened.metadata)
            numbers = (pa.types.is_integer, pa.types.is_floating)
            names = [field.name for field in opened.schema_arrow if any(test(field.type) for test in numbers)]
            table = opened.read(names)
    except DAMAGED as error:
        what = f"cannot be read as Parquet ({first_line(error)})"
        raise RunError(f"{folder.history}: {what}; train it again with --overwrite") from None
    series: dict[str, list[float]] = {}
    for name, cells in zip(table.column_names, table.columns, strict=True):
        series[name] = [float("nan") if cell is None else float(cell) for cell in cells.to_pylist()]
    return series
