"""Corrected labels as they are read back: a file group by group, or a table that is there already.

Nothing here needs `pyarrow.compute`: `labelfix flag` runs on every commit and must start at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.data.formats.parquet_footer import Group
from labelfix.data.formats.parquet_pages import parquet_stream
from labelfix.errors import MORE, LabelfixError, RunError, first_line, input_error, is_used_up
from labelfix.outputs.column_arrays import codes, validity
from labelfix.outputs.corrected_bounds import check_lists, packed_columns, unpacked_group
from labelfix.outputs.corrected_schema import (
    EVIDENCE_KEY,
    CorrectedMetadata,
    lack,
    read_metadata,
)
from labelfix.remote import readable
from labelfix.runs.checked import check, parse
from labelfix.runs.json_text import NotPlainJsonError
from labelfix.runs.schema_evidence import Evidence

if TYPE_CHECKING:
    from labelfix.data.tables import ClassNames

CODED = ("given_label", "suggested_label", "corrected_label", "action", "predicted_label", "source_file")
"""Columns of few different values, which are read as codes."""

SOFT, CLASSES = "soft_label", "soft_label_classes"

REMEDY = "give a corrected.parquet of `labelfix train` or `labelfix correct`"


class CorrectedRows(Protocol):
    """Corrected labels, group by group."""

    @property
    def schema(self) -> pa.Schema:
        """Columns, types and metadata; columns of `CODED` may be dictionary-coded."""

    @property
    def footer(self) -> dict[bytes, bytes]:
        """Key-value metadata; of a file more than the schema's, as some are known only when all rows are written."""

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
    """A table of corrected labels in memory, as one group."""

    table: pa.Table

    @property
    def schema(self) -> pa.Schema:
        return self.table.schema

    @property
    def footer(self) -> dict[bytes, bytes]:
        return dict(self.table.schema.metadata or {})

    def __len__(self) -> int:
        return len(self.table)

    @property
    def group_sizes(self) -> Sequence[int]:
        return (len(self.table),)

    def group(self, index: int, columns: Sequence[str]) -> pa.Table:
        return self.table.select(list(columns))

    @property
    def unlabelled(self) -> int:
        return int(self.table["given_label"].null_count)


class CorrectedFile:
    """A file that `write_corrected` wrote as Parquet, read row group by row group.

    Raises:
        InputError: It is not there, or is not such a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file, self._groups = open_parquet(path, CODED)
        self.schema: pa.Schema = self._file.schema_arrow
        about = read_metadata(self.schema)
        self._width = None if CLASSES in self.schema.names else len(about.classes)

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    @property
    def footer(self) -> dict[bytes, bytes]:
        """Key-value metadata of the file; more than the schema's, as some are known only when all rows are written."""
        return dict(self._file.metadata.metadata or {})

    @cached_property
    def group_sizes(self) -> tuple[int, ...]:
        metadata = self._file.metadata
        return tuple(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))

    def group(self, index: int, columns: Sequence[str]) -> pa.Table:
        """See `CorrectedRows.group`.

        Raises:
            InputError: The file is damaged.
        """
        try:
            group = self._file.read_row_group(index, columns=list(columns), use_threads=False).select(list(columns))
            group.validate(full=True)  # Parquet's reader takes strings as they are, also where they are no UTF-8
            check_lists(group, (SOFT, CLASSES), self._width)
            return unpacked_group(group, self.path, CODED)
        except (OSError, pa.ArrowException, ValueError) as error:
            raise damaged(self.path, error) from None

    @cached_property
    def unlabelled(self) -> int:
        """See `CorrectedRows.unlabelled`; the file's own statistics say it, else the column is read."""
        found = 0
        for index, group in enumerate(self._groups):
            nulls = next(column.nulls for column in group.columns if column.path == "given_label")
            if nulls is None or not 0 <= nulls <= group.rows:
                nulls = self.group(index, ["given_label"]).column(0).null_count
            found += nulls
        return found


def open_corrected(path: Path) -> CorrectedRows:
    """Corrected labels in any format that labelfix writes them in."""
    if path.name.lower().endswith((".parquet", ".pq")) or not path.is_file():
        return CorrectedFile(path)
    with path.open("rb", buffering=0) as stream:
        if stream.read(4) == b"PAR1":
            return CorrectedFile(path)
    from labelfix.outputs.corrected_text import read_corrected_text

    return read_corrected_text(path)


def evidence_of(rows: CorrectedRows) -> dict[str, Any]:
    """What a file of new rows says of its p-values and its noise rate; empty where it says nothing, or no JSON.

    Raises:
        RunError: It says what labelfix does not write.
    """
    source = f"{getattr(rows, 'path', 'corrected labels')}: its evidence"
    try:
        found = parse(rows.footer.get(EVIDENCE_KEY, b"{}"))
    except NotPlainJsonError as error:
        raise RunError(f"{source}: cannot be read ({error}); {REMEDY}") from None
    except ValueError:
        return {}
    check(found, Evidence, source, REMEDY)
    return dict(found)


def groups(rows: CorrectedRows, columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
    """Some columns of all groups, each with the position of its first row."""
    first = 0
    for index, size in enumerate(rows.group_sizes):
        yield first, rows.group(index, columns)
        first += size


def rows_at(rows: CorrectedRows, positions: npt.NDArray[np.int64], columns: Sequence[str]) -> dict[int, dict[str, Any]]:
    """Position, from 0 → the cells of its row, by column; only the groups that hold the rows are read."""
    found: dict[int, dict[str, Any]] = {}
    ends = np.cumsum(rows.group_sizes)
    for index in sorted(set(np.searchsorted(ends, positions, side="right").tolist())):
        first = int(ends[index]) - rows.group_sizes[index]
        group = rows.group(index, columns)
        for row in positions[(positions >= first) & (positions < ends[index])].tolist():
            found[row] = {name: group.column(name)[row - first].as_py() for name in columns}
    return found


def counts_of(rows: CorrectedRows, classes: ClassNames, columns: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    """`(K,)` rows of each class in some columns of labels of `CODED`, of the rows that have a given label."""
    found = [np.zeros(len(classes), dtype=np.int64) for _ in columns]
    for _, group in groups(rows, list(dict.fromkeys(["given_label", *columns]))):
        labelled = validity(group.column("given_label"))
        for counts, name in zip(found, columns, strict=True):
            said = codes(group.column(name), classes.codes)[labelled]
            counts += np.bincount(said[said >= 0], minlength=len(classes))
    return found


def open_parquet(path: Path, coded: Sequence[str] = ()) -> tuple[pq.ParquetFile, tuple[Group, ...]]:
    """A file of corrected labels, opened and known to be one, and what it says of its row groups.

    Raises:
        InputError: It is not there, or is not such a file.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise input_error(str(path), "is no file but a pipe or a device", REMEDY)
    try:
        opened = pq.ParquetFile(readable(path))
        schema = opened.schema_arrow
    except FileNotFoundError:
        raise input_error(str(path), "does not exist", REMEDY) from None
    except (OSError, pa.ArrowException, ValueError) as error:
        if path.is_dir():
            raise input_error(
                str(path), "is a folder", "give a file of corrected labels; a run is given by --run"
            ) from None
        raise damaged(path, error) from None
    what = lack(schema)
    if what:
        opened.close()
        raise input_error(str(path), f"is not a file of corrected labels ({what})", REMEDY)
    with opened:
        try:
            packed, groups = packed_columns(path, opened.metadata)
            read_as = sorted({*coded, *packed})
            stream = parquet_stream(path, groups)
            return pq.ParquetFile(stream, metadata=opened.metadata, read_dictionary=read_as), groups
        except (OSError, pa.ArrowException, ValueError) as error:  # names of columns that are no UTF-8, among others
            raise damaged(path, error) from None


def read_corrected(path: Path) -> pa.Table:
    """Read a file that `write_corrected` wrote as Parquet, all of it.

    Raises:
        InputError: It is not there, or is not such a file.
    """
    with open_parquet(path)[0] as opened:
        try:
            table = opened.read()
            table.validate(full=True)
            return unpacked_group(table, path, ())
        except (OSError, pa.ArrowException) as error:
            raise damaged(path, error) from None


def damaged(path: Path, error: BaseException) -> LabelfixError:
    """The error for a file that Arrow cannot read."""
    remedy = MORE if is_used_up(error) else REMEDY
    return input_error(str(path), f"cannot be read as Parquet ({first_line(error)})", remedy)


def corrected_metadata(rows: CorrectedRows | pa.Table) -> CorrectedMetadata:
    """The metadata of corrected labels.

    Raises:
        InputError: They are damaged.
    """
    try:
        return read_metadata(rows.schema)
    except ValueError as error:
        raise input_error("corrected labels", f"have damaged metadata ({error})", REMEDY) from None
