"""Ids and labels of a table, read in one pass, with the place that every row came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from labelfix.data.columns.ids import canonical_ids, gather, row_numbers
from labelfix.data.findings import FilePlaces, Places
from labelfix.data.formats import TableSource
from labelfix.data.formats.base import cheapest
from labelfix.data.labels.column import LabelColumn, LabelReader
from labelfix.data.repeats import Keys, Repeats, id_keys
from labelfix.data.scan import decode, scan
from labelfix.progress import rows_done


@dataclass(frozen=True)
class IdsAndLabels:
    """What one pass over a table gives.

    Attributes:
        source: The table.
        id_column: Where the ids stand; None where they are row numbers.
        ids: `(N,)` ids, null where empty.
        labels: The label column; None where the table has none.
        places: Where the rows came from.
    """

    source: TableSource
    id_column: str | None
    ids: pa.Array
    labels: LabelColumn | None
    places: Places

    def __len__(self) -> int:
        return len(self.places)

    @property
    def name(self) -> str:
        """The table as the user named it."""
        return self.source.name


def read_id_and_label(source: TableSource, id_column: str | None, label: str | None) -> IdsAndLabels:
    """Read ids and labels, where there are columns of them."""
    reader = LabelReader(source, label) if label is not None else None
    ids = []
    files: list[np.ndarray] = [np.zeros(0, np.int32)]
    numbers: list[np.ndarray] = [np.zeros(0, np.int64)]
    for chunk in scan(source, _columns(source, id_column, label), verbatim=True):
        if id_column is not None:
            ids.append(canonical_ids(chunk.batch.column(id_column), source.schema.field(id_column).type))
        if reader is not None:
            reader.see(chunk.batch.column(reader.column))
        count = chunk.batch.num_rows
        files.append(np.full(count, chunk.file_index, np.int32))
        numbers.append(np.arange(chunk.first_row, chunk.first_row + count, dtype=np.int64))
        rows_done(count)
    places = Places(source.files, np.concatenate(files), np.concatenate(numbers))
    return IdsAndLabels(
        source=source,
        id_column=id_column,
        ids=gather(ids) if id_column is not None else row_numbers(len(places)),
        labels=reader.result() if reader is not None else None,
        places=places,
    )


@dataclass(frozen=True)
class ScannedRows:
    """What one pass over ids and labels gives when no row is held.

    Attributes:
        places: Where the rows came from.
        labels: The distinct labels; None where the table has none.
        id_type: Type of the ids of all rows together: string or int64.
        suspects: The rows whose id is empty or may stand twice; None where there is no such row.
    """

    places: FilePlaces
    labels: LabelReader | None
    id_type: pa.DataType
    suspects: IdsAndLabels | None


def survey_rows(source: TableSource, id_column: str | None, label: str | None) -> ScannedRows:
    """Pass over ids and labels, where there are columns of them, without holding them."""
    reader = LabelReader(source, label, keep=False) if label is not None else None
    counts = [0] * len(source.files)
    types: set[pa.DataType] = set()
    repeats, empty = Repeats(), 0
    for chunk in scan(source, _columns(source, id_column, label), verbatim=True):
        counts[chunk.file_index] += chunk.batch.num_rows
        if reader is not None:
            reader.see(chunk.batch.column(reader.column))
        if id_column is not None:
            ids = canonical_ids(chunk.batch.column(id_column), source.schema.field(id_column).type)
            types.add(ids.type)
            empty += ids.null_count
            repeats.see(id_keys(ids.drop_null()))
    twice = repeats.found()
    return ScannedRows(
        places=FilePlaces(source.files, tuple(counts)),
        labels=reader,
        id_type=(types or {_no_ids(source, id_column)}).pop() if len(types) < 2 else pa.string(),
        suspects=_suspects(source, id_column, twice) if id_column is not None and (empty or len(twice)) else None,
    )


def _no_ids(source: TableSource, id_column: str | None) -> pa.DataType:
    """The type of the ids of no rows: what that of rows would be, as far as the source knows it."""
    if id_column is None or source.untyped:
        return pa.int64()
    type_ = source.schema.field(id_column).type
    return canonical_ids(decode(pa.array([], type_)), type_).type


def _suspects(source: TableSource, id_column: str, twice: Keys) -> IdsAndLabels:
    """The rows whose id is empty or has one of the given numbers."""
    ids: list[pa.Array] = []
    files: list[np.ndarray] = []
    numbers: list[np.ndarray] = []
    for chunk in scan(source, [id_column], verbatim=True):
        all_ids = canonical_ids(chunk.batch.column(id_column), source.schema.field(id_column).type)
        keep = all_ids.is_null().to_numpy(zero_copy_only=False)
        keep[~keep] = np.isin(id_keys(all_ids.drop_null()), twice)
        where = np.flatnonzero(keep)
        ids.append(all_ids.take(pa.array(where)))
        files.append(np.full(len(where), chunk.file_index, np.int32))
        numbers.append(where + chunk.first_row)
    places = Places(source.files, np.concatenate(files), np.concatenate(numbers))
    return IdsAndLabels(source, id_column, gather(ids), None, places)


def _columns(source: TableSource, id_column: str | None, label: str | None) -> list[str]:
    return list(dict.fromkeys(c for c in (id_column, label) if c is not None)) or [cheapest(source.schema)]
