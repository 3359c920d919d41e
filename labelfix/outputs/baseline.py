"""The baseline of the gate: findings that a person has looked at and accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.errors import LabelfixError, input_error
from labelfix.outputs.corrected_rows import METADATA_KEY, first_line, values


def read_accepted(path: Path) -> frozenset[str]:
    """Ids that the gate passes over.

    Args:
        path: A CSV or Parquet file with a column `id` (all its ids), a file of corrected labels (the ids of its
            issues), or what `flag --format json` wrote (the ids of its findings).

    Returns:
        Ids as text, so that 7 in a CSV file is 7 in a Parquet file.

    Raises:
        InputError: The file cannot be read, or has no ids.
    """
    if not path.is_file():
        raise input_error(str(path), "there is no such file", "give --baseline a file of accepted ids")
    if path.suffix.lower() == ".json":
        return _json_ids(path)
    if path.suffix.lower() in (".parquet", ".pq"):
        return _parquet_ids(path)
    return _csv_ids(path)


def _json_ids(path: Path) -> frozenset[str]:
    try:
        findings = json.loads(path.read_text(encoding="utf-8"))["findings"]
        return frozenset(str(found["id"]) for found in findings)
    except (OSError, ValueError, KeyError, TypeError):
        remedy = "make it with `labelfix flag --format json`"
        raise input_error(str(path), "is not what `flag --format json` writes", remedy) from None


def _parquet_ids(path: Path) -> frozenset[str]:
    found: set[str] = set()
    try:
        with pq.ParquetFile(path) as parquet:
            schema = parquet.schema_arrow
            if "id" not in schema.names:
                raise _no_ids(path, schema.names)
            corrected = METADATA_KEY in (schema.metadata or {}) and "is_label_issue" in schema.names
            for index in range(parquet.num_row_groups):
                found |= _group_ids(parquet.read_row_group(index, ["id", *(["is_label_issue"] * corrected)]), corrected)
    except (OSError, pa.ArrowException) as error:
        raise input_error(str(path), f"cannot be read as Parquet ({first_line(error)})", "write it again") from None
    return frozenset(found)


def _group_ids(group: pa.Table, corrected: bool) -> frozenset[str]:
    # Of a file of corrected labels, only the issues were ever findings: taking every id would accept what comes later.
    if not corrected:
        return _texts(group["id"].to_pylist())
    rows = np.flatnonzero(values(group["is_label_issue"])).tolist()
    return _texts([group["id"][row].as_py() for row in rows])


def _csv_ids(path: Path) -> frozenset[str]:
    from labelfix.data.formats import open_table

    source = open_table(path)
    if "id" not in source.schema.names:
        raise _no_ids(path, source.schema.names)
    return frozenset[str]().union(*(_texts(chunk.batch.column(0).to_pylist()) for chunk in source.verbatim(["id"])))


def _texts(ids: list[Any]) -> frozenset[str]:
    return frozenset(str(value) for value in ids if value is not None)


def _no_ids(path: Path, columns: list[str]) -> LabelfixError:
    what = f"has no column 'id' (its columns: {', '.join(columns)})"
    return input_error(str(path), what, "name the column of accepted ids `id`")
