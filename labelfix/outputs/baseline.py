"""The baseline of the gate: findings that a person has looked at and accepted, as they were then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.data.formats.parquet_pages import parquet_stream
from labelfix.errors import LabelfixError, first_line, input_error
from labelfix.outputs.column_arrays import values
from labelfix.outputs.corrected_bounds import packed_columns, unpacked_group
from labelfix.outputs.corrected_schema import METADATA_KEY
from labelfix.outputs.judgement import Finding
from labelfix.remote import readable
from labelfix.runs.json_text import decode_json

KNOWN = ("id", "given_label", "content_hash")
"""Columns of a baseline; only the first must be there."""


@dataclass(frozen=True)
class Accepted:
    """A row as it was when it was accepted.

    Attributes:
        given: Its given label; None where the baseline does not say.
        content: The hash of its inputs (`labelfix.outputs.snippets`); None likewise.
    """

    given: str | None = None
    content: str | None = None


@dataclass(frozen=True)
class Baseline:
    """Rows that the gate passes over.

    Attributes:
        rows: Id as text, so that 7 in a CSV file is 7 in a Parquet file → how the row was when it was accepted.
    """

    rows: Mapping[str, tuple[Accepted, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def as_given(self, name: object, given: object) -> tuple[Accepted, ...]:
        """The entries that a row of this id and given label may be."""
        return tuple(each for each in self.rows.get(str(name), ()) if each.given in (None, given))


NOTHING = Baseline()
"""Nobody has accepted anything."""


Row = tuple[Any, Any, Any]
"""Id, given label, content."""


def read_baseline(*paths: Path) -> Baseline:
    """Rows that the gate passes over.

    Args:
        paths: CSV or Parquet files with a column `id` (all their rows), files of corrected labels (their issues), or
            what `flag --format json` wrote (its findings). Where these know given labels and contents, rows must still
            have them.
    """
    found: dict[str, tuple[Accepted, ...]] = {}
    for name, given, content in (row for path in paths for row in _rows_of(path)):
        if name is not None:
            entry = Accepted(*(None if known in (None, "") else str(known) for known in (given, content)))
            before = found.get(str(name), ())
            found[str(name)] = before if entry in before else (*before, entry)
    return Baseline(found)


def _rows_of(path: Path) -> list[Row]:
    if not path.is_file():
        raise input_error(str(path), "there is no such file", "give --baseline a file of accepted ids")
    if path.suffix.lower() == ".json":
        return _json_rows(path)
    return _parquet_rows(path) if path.suffix.lower() in (".parquet", ".pq") else _csv_rows(path)


def _json_rows(path: Path) -> list[Row]:
    try:
        findings = decode_json(path.read_text(encoding="utf-8"))["findings"]
        return [(found["id"], found.get("given_label"), found.get("content_hash")) for found in findings]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        remedy = "make it with `labelfix flag --format json`"
        raise input_error(str(path), "is not what `flag --format json` writes", remedy) from None


def _parquet_rows(path: Path) -> list[Row]:
    found: list[Row] = []
    try:
        about = pq.read_metadata(readable(path))
        packed, groups = packed_columns(path, about)
        with pq.ParquetFile(parquet_stream(path, groups), metadata=about, read_dictionary=packed) as parquet:
            schema = parquet.schema_arrow
            if "id" not in schema.names:
                raise _no_ids(path, schema.names)
            corrected = METADATA_KEY in (schema.metadata or {}) and "is_label_issue" in schema.names
            columns = [name for name in KNOWN if name in schema.names]
            for index in range(parquet.num_row_groups):
                group = parquet.read_row_group(index, [*columns, *(["is_label_issue"] * corrected)])
                found += _group_rows(unpacked_group(group, path, ()), columns, corrected)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise input_error(str(path), f"cannot be read as Parquet ({first_line(error)})", "write it again") from None
    return found


def _group_rows(group: pa.Table, columns: list[str], corrected: bool) -> list[Row]:
    # Only the issues in a file of corrected labels were ever findings: taking every id would accept what comes later.
    rows = np.flatnonzero(values(group["is_label_issue"])).tolist() if corrected else range(len(group))
    cells = {name: [group[name][row].as_py() for row in rows] for name in columns}
    return _rows(cells, len(rows))


def _csv_rows(path: Path) -> list[Row]:
    from labelfix.data.formats import open_table

    source = open_table(path)
    if "id" not in source.schema.names:
        raise _no_ids(path, source.schema.names)
    columns = [name for name in KNOWN if name in source.schema.names]
    found: list[Row] = []
    for chunk in source.verbatim(columns):
        cells = dict(zip(columns, (column.to_pylist() for column in chunk.batch.columns), strict=True))
        found += _rows(cells, chunk.batch.num_rows)
    return found


def _rows(cells: Mapping[str, list[Any]], count: int) -> list[Row]:
    ids, given, contents = (cells.get(name, [None] * count) for name in KNOWN)
    return list(zip(ids, given, contents, strict=True))


def _no_ids(path: Path, columns: list[str]) -> LabelfixError:
    what = f"has no column 'id' (its columns: {', '.join(columns)})"
    return input_error(str(path), what, "name the column of accepted ids `id`")


def not_accepted(
    group: pa.Table, flagged: npt.NDArray[np.int64], accepted: Baseline
) -> tuple[npt.NDArray[np.int64], dict[int, tuple[Accepted, ...]]]:
    """The flagged rows of a group that a baseline does not know, and those that it knows by their contents alone.

    Returns:
        The rows that it does not know; and row → what is known of it, where it has to hold the same.
    """
    names, given = group.column("id").to_pylist(), group.column("given_label")
    new: list[int] = []
    asked: dict[int, tuple[Accepted, ...]] = {}
    for row in flagged.tolist():
        if str(names[row]) not in accepted.rows:
            new.append(row)
            continue
        entries = accepted.as_given(names[row], given[row].as_py())
        if not entries:
            new.append(row)
        elif all(entry.content is not None for entry in entries):
            asked[row] = entries
    return np.array(new, np.int64), asked


def since_edited(
    findings: Sequence[Finding],
    doubtful: Mapping[int, tuple[Accepted, ...]],
    details: Callable[[Sequence[Finding]], Sequence[Finding]],
) -> dict[int, Finding]:
    """Those rows that a baseline knows by their contents and that hold something else now.

    A row whose source cannot be read is taken for what it was: its id and given label are the same.
    """
    told = zip(details(findings) if findings else (), doubtful.items(), strict=True)
    return {
        row: found
        for found, (row, entries) in told
        if found.content is not None and found.content not in [entry.content for entry in entries]
    }
