"""Corrected labels as they are read back: a file group by group, or a table that is there already.

Nothing here needs `pyarrow.compute`: `labelfix flag` runs on every commit and must start at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.errors import LabelfixError, input_error

METADATA_KEY = b"labelfix"

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
"""Columns of corrected labels; with fewer classes than there are, `soft_label_classes` stands before `soft_label`."""

OPTIONAL = ("p_value", "duplicate_of", "outlier_score")
"""Columns after these, where a run has them."""

WIDTHS: dict[pa.DataType, Any] = {
    pa.bool_(): np.bool_,
    pa.float16(): np.float16,
    pa.float32(): np.float32,
    pa.float64(): np.float64,
    **{getattr(pa, name)(): getattr(np, name) for name in ("int8", "int16", "int32", "int64")},
    **{getattr(pa, name)(): getattr(np, name) for name in ("uint8", "uint16", "uint32", "uint64")},
}
"""Types of flags and numbers: labelfix writes a few of them, and other programs widen or narrow what they write again."""

CODED = ("given_label", "suggested_label", "corrected_label", "action", "predicted_label", "source_file")
"""Columns of few different values, which are read as codes."""

REMEDY = "give a corrected.parquet of `labelfix train` or `labelfix correct`"


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
        encoding: Of a source that is a text file and not UTF-8.
        soft_top_k: How many classes `soft_label` has of each row, most likely first; None for all, in class order.
    """

    classes: tuple[str, ...]
    value_type: str
    min_confidence: float
    run_id: str
    id_column: str | None = None
    input_kind: str | None = None
    input_columns: tuple[str, ...] = ()
    soft_top_k: int | None = None
    encoding: str | None = None


class CorrectedRows(Protocol):
    """Corrected labels, group by group."""

    @property
    def schema(self) -> pa.Schema:
        """Columns, types and metadata; columns of `CODED` may be dictionary-coded."""

    def __len__(self) -> int: ...

    @property
    def group_sizes(self) -> Sequence[int]:
        """Rows of each group."""

    def group(self, index: int, columns: Sequence[str]) -> pa.Table:
        """Some columns of a group."""

    @property
    def unlabelled(self) -> int:
        """Rows without a given label."""


@dataclass(frozen=True)
class HeldRows:
    """A table of corrected labels in memory, as one group.

    Attributes:
        table: The table, with labelfix's metadata.
    """

    table: pa.Table

    @property
    def schema(self) -> pa.Schema:
        """See `CorrectedRows.schema`."""
        return self.table.schema

    def __len__(self) -> int:
        return len(self.table)

    @property
    def group_sizes(self) -> Sequence[int]:
        """See `CorrectedRows.group_sizes`."""
        return (len(self.table),)

    def group(self, index: int, columns: Sequence[str]) -> pa.Table:
        """See `CorrectedRows.group`."""
        return self.table.select(list(columns))

    @property
    def unlabelled(self) -> int:
        """See `CorrectedRows.unlabelled`."""
        return int(self.table["given_label"].null_count)


class CorrectedFile:
    """A file that `write_corrected` wrote as Parquet, read row group by row group.

    Args:
        path: The file.

    Raises:
        InputError: It is not there, or is not such a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_parquet(path, CODED)
        self.schema: pa.Schema = self._file.schema_arrow

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    @cached_property
    def group_sizes(self) -> tuple[int, ...]:
        """See `CorrectedRows.group_sizes`."""
        metadata = self._file.metadata
        return tuple(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))

    def group(self, index: int, columns: Sequence[str]) -> pa.Table:
        """See `CorrectedRows.group`.

        Raises:
            InputError: The file is damaged.
        """
        try:
            return self._file.read_row_group(index, columns=list(columns), use_threads=False).select(list(columns))
        except (OSError, pa.ArrowException) as error:
            raise damaged(self.path, error) from None

    @cached_property
    def unlabelled(self) -> int:
        """See `CorrectedRows.unlabelled`; the file's own statistics say it, else the column is read."""
        found = 0
        for index in range(len(self.group_sizes)):
            group = self._file.metadata.row_group(index)
            columns = (group.column(place) for place in range(group.num_columns))
            statistics = next(c.statistics for c in columns if c.path_in_schema == "given_label")
            if statistics is not None and statistics.has_null_count:
                found += statistics.null_count
            else:
                found += self.group(index, ["given_label"]).column(0).null_count
        return found


def groups(rows: CorrectedRows, columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
    """Some columns of all groups, each with the position of its first row."""
    first = 0
    for index, size in enumerate(rows.group_sizes):
        yield first, rows.group(index, columns)
        first += size


def open_parquet(path: Path, coded: Sequence[str] = ()) -> pq.ParquetFile:
    """A file of corrected labels, opened and known to be one.

    Args:
        path: The file.
        coded: Columns to read as codes.

    Raises:
        InputError: It is not there, or is not such a file.
    """
    try:
        opened = pq.ParquetFile(path)
        schema = opened.schema_arrow
    except FileNotFoundError:
        raise input_error(str(path), "does not exist", REMEDY) from None
    except (OSError, pa.ArrowException) as error:
        raise damaged(path, error) from None
    what = _lack(schema)
    if what:
        opened.close()
        raise input_error(str(path), f"is not a file of corrected labels ({what})", REMEDY)
    if not coded:
        return opened
    with opened:
        return pq.ParquetFile(path, metadata=opened.metadata, read_dictionary=list(coded))


def _lack(schema: pa.Schema) -> str:
    """What a file of corrected labels has that this one has not; empty where it has everything."""
    missing = [name for name in COLUMNS if name not in schema.names]
    if missing:
        return f"lacks {', '.join(missing)}"
    if METADATA_KEY not in (schema.metadata or {}):
        return "lacks labelfix's metadata"
    if _metadata(schema) is None:
        return "its metadata are damaged"
    for name in (*COLUMNS, *OPTIONAL):
        if (count := schema.names.count(name)) > 1:
            return f"has {count} columns {name!r}"
        if count and not _fits(name, schema.field(name).type):
            return f"column {name!r} is {schema.field(name).type}"
    return ""


def _fits(name: str, type_: pa.DataType) -> bool:
    """Whether a column can be read as what it is called."""
    if name == "is_label_issue":
        return bool(pa.types.is_boolean(type_))
    if name == "source_row":
        return bool(pa.types.is_integer(type_))
    if name in ("confidence", "label_score", "p_value", "outlier_score"):
        return type_ in WIDTHS and not pa.types.is_boolean(type_)
    if name == "soft_label":
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        return any(test(type_) for test in lists) and bool(pa.types.is_floating(type_.value_type))
    plain = type_.value_type if pa.types.is_dictionary(type_) else type_
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(test(plain) for test in kinds) or (name == "id" and bool(pa.types.is_integer(plain)))


def read_corrected(path: Path) -> pa.Table:
    """Read a file that `write_corrected` wrote as Parquet, all of it.

    Raises:
        InputError: It is not there, or is not such a file.
    """
    with open_parquet(path) as opened:
        try:
            return opened.read()
        except (OSError, pa.ArrowException) as error:
            raise damaged(path, error) from None


def damaged(path: Path, error: BaseException) -> LabelfixError:
    """The error for a file that Arrow cannot read."""
    return input_error(str(path), f"cannot be read as Parquet ({first_line(error)})", REMEDY)


def corrected_metadata(rows: CorrectedRows | pa.Table) -> CorrectedMetadata:
    """The metadata of corrected labels.

    Raises:
        InputError: They are damaged.
    """
    found = _metadata(rows.schema)
    if found is None:
        raise input_error("corrected labels", "have damaged metadata", REMEDY)
    return found


def _metadata(schema: pa.Schema) -> CorrectedMetadata | None:
    """What the metadata say; None where they are damaged."""
    try:
        found = json.loads(schema.metadata[METADATA_KEY])
        about = CorrectedMetadata(
            classes=tuple(found["classes"]),
            value_type=found["value_type"],
            min_confidence=float(found["min_confidence"]),
            run_id=found["run_id"],
            id_column=found.get("id_column"),
            input_kind=found.get("input_kind"),
            input_columns=tuple(found.get("input_columns", ())),
            soft_top_k=found.get("soft_top_k"),
            encoding=found.get("encoding"),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    texts = (*about.classes, *about.input_columns, about.value_type, about.run_id)
    maybe = (about.id_column, about.input_kind, about.encoding)
    sound = all(isinstance(each, str) for each in (*texts, *(each for each in maybe if each is not None)))
    return about if sound and type(about.soft_top_k) in (int, type(None)) else None


def first_line(error: BaseException) -> str:
    """The first line of a foreign error's message: Arrow's go on for several."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def values(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """A column of a type of `WIDTHS` as an array (nulls as anything); `to_numpy` would import pandas."""
    parts: list[npt.NDArray[Any]] = [np.empty(0, WIDTHS[column.type])]
    for chunk in filter(len, column.chunks):
        data, rows = chunk.buffers()[1], slice(chunk.offset, chunk.offset + len(chunk))
        if pa.types.is_boolean(chunk.type):
            parts.append(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[rows].astype(bool))
        else:
            parts.append(np.frombuffer(data, WIDTHS[column.type])[rows])
    return np.concatenate(parts) if len(parts) != 2 else parts[1]


def validity(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """`(N,)` False where a column is null."""
    parts = [np.empty(0, bool)]
    for chunk in filter(len, column.chunks):
        valid, rows = chunk.buffers()[0], slice(chunk.offset, chunk.offset + len(chunk))
        if valid is None:
            parts.append(np.ones(len(chunk), bool))
        else:
            parts.append(np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[rows].astype(bool))
    return np.concatenate(parts)


def codes(column: pa.ChunkedArray, names: dict[str, int]) -> npt.NDArray[np.int64]:
    """`(N,)` what a column of strings says, by the numbers that `names` gives; -1 for null and for other strings."""
    parts: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    for chunk in filter(len, column.chunks):
        coded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        lookup = np.array([names.get(name, -1) for name in coded.dictionary.to_pylist()] + [-1], np.int64)
        rows = slice(coded.offset, coded.offset + len(coded))
        valid, data = coded.buffers()[:2]
        places = np.frombuffer(data, WIDTHS[coded.type.index_type])[rows].astype(np.int64)
        if valid is not None and coded.null_count:
            there = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[rows].astype(bool)
            places = np.where(there, places, -1)
        parts.append(lookup[places])
    return np.concatenate(parts)
