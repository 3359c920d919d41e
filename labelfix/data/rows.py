"""Ids and labels of a table, read in one pass, with the place that every row came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from labelfix.data.findings import Places
from labelfix.data.formats import TableSource
from labelfix.data.ids import canonical_ids, gather, row_numbers
from labelfix.data.labels import LabelColumn, LabelReader
from labelfix.data.scan import scan


@dataclass(frozen=True)
class Rows:
    """What one pass over a table gives.

    Attributes:
        ids: `(N,)` ids, null where empty; row numbers where the table has no id column.
        labels: The label column; None where the table has none.
        places: Where the rows came from.
    """

    ids: pa.Array
    labels: LabelColumn | None
    places: Places

    def __len__(self) -> int:
        return len(self.places)


def read_id_and_label(source: TableSource, id_column: str | None, label: str | None, rows: int) -> Rows:
    """Read ids and labels.

    Args:
        source: The table.
        id_column: Column of the ids, or None.
        label: Column of the labels, or None.
        rows: Rows read at once.

    Raises:
        InputError: The file is damaged or not UTF-8.
    """
    reader = LabelReader(source, label) if label is not None else None
    columns = list(dict.fromkeys(c for c in (id_column, label) if c is not None)) or [_cheapest(source.schema)]
    ids = []
    files: list[np.ndarray] = [np.zeros(0, np.int32)]
    numbers: list[np.ndarray] = [np.zeros(0, np.int64)]
    for chunk in scan(source, columns, rows, verbatim=True):
        if id_column is not None:
            ids.append(canonical_ids(chunk.batch.column(id_column), source.schema.field(id_column).type))
        if reader is not None:
            reader.see(chunk.batch.column(reader.column))
        count = chunk.batch.num_rows
        files.append(np.full(count, chunk.file_index, np.int32))
        numbers.append(np.arange(chunk.first_row, chunk.first_row + count, dtype=np.int64))
    places = Places(source.files, np.concatenate(files), np.concatenate(numbers))
    return Rows(
        ids=gather(ids) if id_column is not None else row_numbers(len(places)),
        labels=reader.result() if reader is not None else None,
        places=places,
    )


def _cheapest(schema: pa.Schema) -> str:
    """A column to count rows by: a flat one if there is one."""
    flat = [f.name for f in schema if not pa.types.is_nested(f.type) and not pa.types.is_binary(f.type)]
    return str((flat or schema.names)[0])
