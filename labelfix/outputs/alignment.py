"""Corrected labels laid beside the rows of the table they were made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats import Chunk, TableSource
from labelfix.data.labels import class_label_names
from labelfix.errors import input_error
from labelfix.outputs.exports import corrected_metadata, rows_by_file

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Correction:
    """Corrected labels laid beside the rows of their source.

    Attributes:
        table: Corrected labels, as `read_corrected` gives them (N rows).
        source: The table they were made from.
        label_column: Its column of labels.
        files: What `source_file` in `table` calls the source's files, in their order; empty where nothing was renamed.
    """

    table: pa.Table
    source: TableSource
    label_column: str
    files: tuple[str, ...] = ()

    @cached_property
    def corrected(self) -> npt.NDArray[np.int64]:
        """`(N,)` position of the corrected label in `classes`."""
        return self._codes("corrected_label")

    @cached_property
    def given(self) -> npt.NDArray[np.int64]:
        """`(N,)` position of the given label in `classes`; -1 where there is none."""
        return self._codes("given_label")

    @cached_property
    def issue(self) -> npt.NDArray[np.bool_]:
        """`(N,)` the flagged rows."""
        return np.asarray(self.table["is_label_issue"])

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Canonical class names."""
        return corrected_metadata(self.table).classes

    @cached_property
    def absent(self) -> int:
        """How many rows of the source were left out of the run.

        Raises:
            InputError: The source lacks rows that were corrected: it is not the table they were made from.
        """
        rows = matched = 0
        for chunk in self.source.scan([self.label_column]):
            rows += chunk.batch.num_rows
            matched += int((self.positions(chunk) >= 0).sum())
        if matched != len(self.table):
            what = f"holds {matched:,} of the {len(self.table):,} rows that were corrected"
            raise input_error(self.source.name, what, "give the file that the run was trained on")
        return rows - matched

    def positions(self, chunk: Chunk) -> Positions:
        """Where the rows of a chunk stand in `table`; -1 for a row left out of the run (an unreadable image)."""
        file = (self.files or self.source.files)[chunk.file_index]
        rows, positions = self._by_file.get(file, (np.empty(0, np.int64),) * 2)
        wanted = np.arange(chunk.first_row, chunk.first_row + chunk.batch.num_rows)
        place = np.minimum(np.searchsorted(rows, wanted), max(len(rows) - 1, 0))
        found = rows[place] == wanted if len(rows) else np.zeros(len(wanted), bool)
        result = np.full(len(wanted), -1, np.int64)
        result[found] = positions[place[found]]
        return result

    def written_labels(self, verbatim: bool) -> pa.Array:
        """How the source writes each class: `(K,)` values of the label column's own (value) type.

        The source's own values tell: of the values that were read as a class, its canonical name if that is among
        them, else the most frequent. So `1` stays an integer, a ClassLabel code a code, and an alias is met with
        the spelling that the file uses.

        Args:
            verbatim: Of the cells as they stand in a text file, rather than of their typed values.

        Raises:
            InputError: A class that rows are corrected to occurs nowhere in the column, and its name does not fit
                the column's type.
        """
        seen: list[Counter[Any]] = [Counter() for _ in self.classes]
        for chunk in scan(self.source, [self.label_column], verbatim):
            positions = self.positions(chunk)
            codes = at(self.given, positions, -1)
            for value, code in zip(chunk.batch.column(0).to_pylist(), codes.tolist(), strict=True):
                if code >= 0:
                    seen[code][value] += 1
        needed = set(self.corrected[self.corrected != self.given].tolist())
        type_ = pa.string() if verbatim else _value_type(self.source.schema.field(self.label_column).type)
        values = [self._written(code, counts, type_, code in needed) for code, counts in enumerate(seen)]
        return pa.array(values, type_)

    @cached_property
    def _by_file(self) -> dict[str, tuple[Positions, Positions]]:
        rows = np.asarray(self.table["source_row"])
        return {name: (rows[positions], positions) for name, positions in rows_by_file(self.table)}

    def _codes(self, column: str) -> npt.NDArray[np.int64]:
        found = pc.index_in(self.table[column].combine_chunks(), pa.array(self.classes, pa.string()))
        return np.asarray(found.fill_null(-1)).astype(np.int64)

    def _written(self, code: int, counts: Counter[Any], type_: pa.DataType, needed: bool) -> object:
        name = self.classes[code]
        same = [value for value in counts if str(value) == name]
        if same:
            return same[0]
        if counts:
            return max(counts, key=lambda value: counts[value])
        names = class_label_names(self.source, self.label_column)
        if names and name in names:
            return names.index(name)
        try:
            return pa.scalar(name, pa.string()).cast(type_).as_py()
        except pa.ArrowException:
            if not needed:
                return None
        what = f"column {self.label_column!r} is {type_} and cannot hold the class {name!r}"
        raise input_error(self.source.name, what, "export to a table whose label column is text")


def scan(source: TableSource, columns: list[str], verbatim: bool) -> Iterator[Chunk]:
    """The chunks of a table, with typed values or with the cells as they stand in a text file."""
    return source.verbatim(columns) if verbatim else source.scan(columns)


def at(values: npt.NDArray[Any], positions: Positions, missing: int) -> npt.NDArray[Any]:
    """The values at some positions, `missing` where a position is -1."""
    chosen: npt.NDArray[Any] = np.where(positions >= 0, values[positions], missing)
    return chosen


def _value_type(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_
