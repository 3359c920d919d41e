"""`corrected.parquet`: what labelfix thinks of every row, as a table that anything can read.

The bytes depend on the run and on nothing else: no time, host or path goes into the file, apart from the source
files as the user named them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.data.tables import CorrectedLabels, InputSpec
from labelfix.errors import input_error
from labelfix.runs import atomic_path

FORMAT_VERSION = 1
METADATA_KEY = b"labelfix"
ROW_GROUP = 65536
"""Rows of a row group: fixed, so that the bytes never depend on how the rows were read."""

COLUMNS = (
    "id",
    "given_label",
    "suggested_label",
    "confidence",
    "corrected_label",
    "is_label_issue",
    "action",
    "label_score",
    "predicted_label",
    "soft_label",
    "source_file",
    "source_row",
)


@dataclass(frozen=True)
class CorrectedMetadata:
    """What the schema metadata of a corrected file says.

    Attributes:
        classes: Class names in the order of `soft_label`.
        value_type: How the noisy file stores a label.
        min_confidence: A label was changed only where its confidence reached this.
        run_id: Id of the run that made the file.
        id_column: Column of the ids in the source; None where ids are row numbers.
        input_kind: `text`, `image`, `table` or `embedding`; None where it was not recorded.
        input_columns: The input columns in the source.
    """

    classes: tuple[str, ...]
    value_type: str
    min_confidence: float
    run_id: str
    id_column: str | None = None
    input_kind: str | None = None
    input_columns: tuple[str, ...] = ()


def corrected_table(labels: CorrectedLabels, spec: InputSpec | None = None, id_column: str | None = None) -> pa.Table:
    """The corrected labels as a table.

    Args:
        labels: The corrected labels (N rows, K classes).
        spec: Which source columns the classifier read; recorded so that `flag` can quote them.
        id_column: Column of the ids in the source; None where ids are row numbers.

    Returns:
        N rows in the order of `labels`, with the columns of `COLUMNS`. Labels are canonical class names whatever
        type the source has; `label_score` is null where no label was given. Class order, threshold and run id are
        in the schema metadata under `labelfix`.
    """
    names = pa.array(labels.classes.names, pa.string())
    files = pa.array(labels.files, pa.string())
    unlabelled = np.isnan(labels.label_score)
    columns = {
        "id": labels.ids,
        "given_label": names.take(pa.array(labels.given, mask=labels.given < 0)),
        "suggested_label": names.take(pa.array(labels.suggested)),
        "confidence": pa.array(labels.confidence, pa.float32()),
        "corrected_label": names.take(pa.array(labels.corrected)),
        "is_label_issue": pa.array(labels.is_label_issue, pa.bool_()),
        "action": pa.array(labels.action.tolist(), pa.string()),
        "label_score": pa.array(labels.label_score, pa.float32(), mask=unlabelled),
        "predicted_label": names.take(pa.array(labels.predicted)),
        "soft_label": _lists(labels.soft),
        "source_file": files.take(pa.array(labels.file_index)),
        "source_row": pa.array(labels.row_number, pa.int64()),
    }
    metadata: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "classes": list(labels.classes.names),
        "value_type": labels.classes.value_type,
        "min_confidence": labels.min_confidence,
        "run_id": labels.run_id,
        "id_column": id_column,
        "input_kind": spec.kind if spec else None,
        "input_columns": list(spec.columns) if spec else [],
    }
    text = json.dumps(metadata, sort_keys=True, ensure_ascii=False)
    return pa.table(columns).replace_schema_metadata({METADATA_KEY: text.encode()})


def write_corrected(
    path: Path, labels: CorrectedLabels, spec: InputSpec | None = None, id_column: str | None = None
) -> None:
    """Write the corrected labels; the same labels give the same bytes.

    Args:
        path: `.parquet`, or `.csv`/`.tsv` (also `.gz`), where `p_<class>` columns stand for `soft_label`.
        labels: The corrected labels.
        spec: See `corrected_table`.
        id_column: See `corrected_table`.
    """
    write_table(path, corrected_table(labels, spec, id_column), labels.classes.names)


def write_table(path: Path, table: pa.Table, classes: tuple[str, ...]) -> None:
    """Write a table of labelfix's own; in text formats a list of probabilities becomes `p_<class>` columns.

    Args:
        path: Where to; the suffix decides the format.
        table: What to write.
        classes: Class names in the order of its probability column.

    Raises:
        InputError: The suffix is none that labelfix writes.
    """
    if path.suffix == ".parquet":
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, row_group_size=ROW_GROUP, compression="zstd")
        return
    from labelfix.data.formats import write_batches

    flat = flat_probabilities(table, classes)
    write_batches(path, flat.schema, flat.to_batches(ROW_GROUP))


def flat_probabilities(table: pa.Table, classes: tuple[str, ...]) -> pa.Table:
    """The table with each list column of K probabilities replaced by K columns `p_<class>`, in class order."""
    for index, field in reversed(list(enumerate(table.schema))):
        if not pa.types.is_list(field.type):
            continue
        column = table.column(index).combine_chunks()
        rows = np.asarray(column.flatten()).reshape(len(table), len(classes))
        table = table.remove_column(index)
        for k, name in enumerate(classes):
            table = table.add_column(index + k, f"p_{name}", pa.array(rows[:, k]))
    return table


def read_corrected(path: Path) -> pa.Table:
    """Read a file that `write_corrected` wrote as Parquet.

    Raises:
        InputError: It is not there, or is not such a file.
    """
    remedy = "give a corrected.parquet of `labelfix train` or `labelfix correct`"
    try:
        table = pq.ParquetFile(path).read()
    except FileNotFoundError:
        raise input_error(str(path), "does not exist", remedy) from None
    except (OSError, pa.ArrowException) as error:
        raise input_error(str(path), f"cannot be read as Parquet ({first_line(error)})", remedy) from None
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing or METADATA_KEY not in (table.schema.metadata or {}):
        what = f"lacks {', '.join(missing)}" if missing else "lacks labelfix's metadata"
        raise input_error(str(path), f"is not a file of corrected labels ({what})", remedy)
    return table


def corrected_metadata(table: pa.Table) -> CorrectedMetadata:
    """The metadata of a table of corrected labels."""
    found = json.loads(table.schema.metadata[METADATA_KEY])
    return CorrectedMetadata(
        classes=tuple(found["classes"]),
        value_type=found["value_type"],
        min_confidence=found["min_confidence"],
        run_id=found["run_id"],
        id_column=found.get("id_column"),
        input_kind=found.get("input_kind"),
        input_columns=tuple(found.get("input_columns", ())),
    )


def with_min_confidence(table: pa.Table, min_confidence: float | None) -> pa.Table:
    """The table judged anew at another threshold: `is_label_issue`, `corrected_label` and `action` follow from it.

    Args:
        table: Corrected labels.
        min_confidence: The threshold; None keeps the table as it is.
    """
    if min_confidence is None:
        return table
    given, suggested = table["given_label"].to_pylist(), table["suggested_label"].to_pylist()
    confident = np.asarray(table["confidence"]) >= np.float32(min_confidence)
    columns = {"corrected_label": [], "is_label_issue": [], "action": []}  # type: dict[str, list[Any]]
    for given_label, suggested_label, sure in zip(given, suggested, confident, strict=True):
        action = _action(given_label, suggested_label, bool(sure))
        columns["action"].append(action)
        columns["is_label_issue"].append(action == "relabel")
        columns["corrected_label"].append(suggested_label if action in ("relabel", "fill") else given_label)
    for name, values in columns.items():
        index = table.schema.get_field_index(name)
        table = table.set_column(index, table.schema.field(index), pa.array(values, table.schema.field(index).type))
    found = {**json.loads(table.schema.metadata[METADATA_KEY]), "min_confidence": min_confidence}
    return table.replace_schema_metadata({METADATA_KEY: json.dumps(found, sort_keys=True, ensure_ascii=False).encode()})


def first_line(error: BaseException) -> str:
    """The first line of a foreign error's message: Arrow's go on for several."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def rows_by_file(table: pa.Table) -> Iterator[tuple[str, np.ndarray[Any, np.dtype[np.int64]]]]:
    """Source file → positions in the table of its rows, in the table's order."""
    files = table["source_file"].combine_chunks().dictionary_encode()
    codes = np.asarray(files.indices)
    for code, name in enumerate(files.dictionary.to_pylist()):
        yield name, np.flatnonzero(codes == code)


def _action(given: str | None, suggested: str, sure: bool) -> str:
    if given is None:
        return "fill"
    if given == suggested:
        return "keep"
    return "relabel" if sure else "review"


def _lists(soft: np.ndarray[Any, np.dtype[np.float32]]) -> pa.ChunkedArray:
    """(N, K) as a list column, in chunks, so that 32-bit offsets suffice however many rows there are."""
    chunks = []
    for first in range(0, len(soft), ROW_GROUP):
        rows = np.ascontiguousarray(soft[first : first + ROW_GROUP], np.float32)
        offsets = np.arange(len(rows) + 1, dtype=np.int32) * np.int32(rows.shape[1])
        chunks.append(pa.ListArray.from_arrays(pa.array(offsets), pa.array(rows.reshape(-1))))
    return pa.chunked_array(chunks, pa.list_(pa.float32()))
