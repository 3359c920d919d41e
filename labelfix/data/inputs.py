"""Input columns, lazily: every batch is read when asked for and comes in the form the models expect."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.profile import profile_columns
from labelfix.data.formats import Chunk, TableSource
from labelfix.data.formats.csv.dialect import DECIMAL
from labelfix.data.formats.images.folder import IMAGE_TYPE
from labelfix.data.formats.many_columns import cell_by_cell
from labelfix.data.image_place import image_place
from labelfix.data.number_lists import fixed_lists, number_lists
from labelfix.data.numbers import read_dates, read_numbers
from labelfix.data.scan import as_text, is_text, scan, value_type
from labelfix.data.spelling import spelled
from labelfix.data.tables import Codes, InputSpec, InputTable

SELECT_ROWS = 4096


@dataclass(frozen=True)
class ColumnInputs:
    """The input columns of a source.

    Attributes:
        source: What to read.
        count: Rows of the source.
        blank: `(count,)` True where a blank image stands in for one that cannot be decoded; None for nowhere.
    """

    source: TableSource
    spec: InputSpec
    count: int
    blank: npt.NDArray[np.bool_] | None = None

    @property
    def name(self) -> str:
        """The input as the user named it."""
        return self.source.name

    def __len__(self) -> int:
        return self.count

    def chunks(self, rows: int | None = None) -> Iterator[Chunk]:
        """The columns as they are stored, with the place of every row."""
        # A text file's cells are read as they stand there, by what the run's columns hold: 007 is the text "007", and
        # True the category "true" whether or not every other cell of this file is a truth value.
        texts = self.spec.part("text")
        columns = self.spec.every_column
        return scan(self.source, columns, rows, verbatim=self.source.untyped, texts=texts.columns if texts else ())

    def batches(self, rows: int | None = None) -> Iterator[pa.RecordBatch]:
        done = 0
        for chunk in self.chunks(rows):
            batch = self.convert(chunk.batch)
            image = self.spec.part("image")
            if image and self.blank is not None and self.blank[done : done + batch.num_rows].any():
                batch = _blank_out(batch, image.columns[0], self.blank[done : done + batch.num_rows])
            done += batch.num_rows
            yield batch

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Stored columns in the form that `InputTable.batches` promises."""
        cells = dict(zip(self.spec.every_column, batch.columns, strict=True))
        found: dict[str, pa.Array] = {}
        for part in self.spec.parts:
            found |= self._table(part, cells) if part.kind == "table" else self._content(part, cells)
        return pa.record_batch([found[name] for name in cells], names=list(cells))

    def _content(self, part: InputSpec, cells: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """Texts, images and embeddings."""
        if part.kind == "text":
            return {name: cells[name].cast(pa.string()).fill_null("") for name in part.columns}
        if part.kind == "image":
            return {name: image_structs(cells[name], str(self.source.folder)) for name in part.columns}
        assert part.width is not None
        return {name: fixed_lists(number_lists(cells[name]), part.width) for name in part.columns}

    def _table(self, part: InputSpec, cells: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """The columns of a table; numbers without units and decimal commas many at a time."""
        categorical, dates, units = frozenset(part.categorical), frozenset(part.dates), dict(part.units)
        found: dict[str, pa.Array] = {}
        plain: dict[pa.DataType, dict[str, pa.Array]] = {}
        for name in part.columns:
            if name in categorical:
                found[name] = categories(cells[name])
            elif name in dates:
                found[name] = read_dates(cells[name])
            else:
                column = as_text(cells[name])
                comma = is_text(column.type) and name in self._commas
                if comma or name in units:
                    found[name] = read_numbers(column, comma=comma, unit=units.get(name, ""))
                else:
                    plain.setdefault(column.type, {})[name] = column
        for columns in plain.values():
            found |= zip(columns, cell_by_cell(read_numbers, list(columns.values())), strict=True)
        return found

    @cached_property
    def _commas(self) -> frozenset[str]:
        """The numeric columns that this source writes with decimal commas."""
        schema = self.source.schema
        table = self.spec.part("table")
        texts = [c for c in table.columns if c not in (*table.categorical, *table.dates)] if table else []
        marked = {c for c in texts if (schema.field(c).metadata or {}).get(DECIMAL.encode()) == b","}
        # Typed as numbers, the file was seen whole; a column with other cells goes by its first rows.
        mixed = [c for c in texts if c not in marked and is_text(value_type(schema.field(c).type))]
        return frozenset(marked | {c for c, p in profile_columns(self.source, mixed).items() if p.comma})

    def without(self, unreadable: npt.NDArray[np.bool_]) -> ColumnInputs:
        """The same rows, with a blank image where one cannot be decoded."""
        return replace(self, blank=unreadable)


@dataclass(frozen=True)
class HeldInputs:
    """Some rows' inputs in memory: a block of rows that pass by. What is computed from them is not kept on disk.

    Attributes:
        name: The input as the user named it.
    """

    spec: InputSpec
    name: str
    held: tuple[pa.RecordBatch, ...]

    def __len__(self) -> int:
        return sum(batch.num_rows for batch in self.held)

    def batches(self, rows: int | None = None) -> Iterator[pa.RecordBatch]:
        for batch in self.held:
            step = rows or max(batch.num_rows, 1)
            yield from (batch.slice(start, step) for start in range(0, batch.num_rows, step))


@dataclass(frozen=True)
class SelectedInputs:
    """Some rows of other inputs, in an order of their own: trusted rows whose inputs stand in the noisy file.

    Attributes:
        parent: The inputs they are taken from.
        rows: `(M,)` positions in `parent`.
        name: What to call them in messages.
    """

    parent: InputTable
    rows: Codes
    name: str

    @property
    def spec(self) -> InputSpec:
        """What the columns hold."""
        return self.parent.spec

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, rows: int | None = None) -> Iterator[pa.RecordBatch]:
        """See `InputTable.batches`. The parent is read once for every 4,096 rows, so memory stays bounded."""
        for start in range(0, len(self.rows), SELECT_ROWS):
            wanted = self.rows[start : start + SELECT_ROWS]
            table = _take(self.parent, wanted, rows)
            yield from table.to_batches(max_chunksize=rows)


def inputs_of(table: InputTable, spec: InputSpec) -> InputTable:
    """Some of the input columns of a table, as inputs of their own; nothing else is read."""
    if spec == table.spec:
        return table
    if isinstance(table, ColumnInputs):
        return replace(table, spec=spec)
    if isinstance(table, SelectedInputs):
        return replace(table, parent=inputs_of(table.parent, spec))
    assert isinstance(table, HeldInputs)
    return HeldInputs(spec, table.name, tuple(batch.select(list(spec.columns)) for batch in table.held))


def _take(parent: InputTable, wanted: Codes, rows: int | None) -> pa.Table:
    order = np.argsort(wanted, kind="stable")
    sorted_rows = wanted[order]
    pieces: list[pa.RecordBatch] = []
    done = 0
    for batch in parent.batches(rows):
        here = slice(np.searchsorted(sorted_rows, done), np.searchsorted(sorted_rows, done + batch.num_rows))
        if here.stop > here.start:
            pieces.append(batch.take(pa.array(sorted_rows[here] - done)))
        done += batch.num_rows
        if here.stop == len(sorted_rows):
            break
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pa.Table.from_batches(pieces).combine_chunks().take(pa.array(back)).combine_chunks()


def categories(cells: pa.Array) -> pa.Array:
    """A column as strings in their one spelling; an empty one is a missing value."""
    # Categories are few, so each is spelled once.
    encoded = as_text(cells).dictionary_encode()
    words = spelled(encoded.dictionary)
    return pc.if_else(pc.equal(words, ""), pa.scalar(None, pa.string()), words).take(encoded.indices)


def image_structs(cells: pa.Array, folder: str) -> pa.Array:
    """Images as `struct<bytes, path>`: encoded bytes, or an absolute path, never both.

    A path beside encoded bytes is dropped: it may tell the class.
    """
    if pa.types.is_struct(cells.type):
        data = pc.struct_field(cells, "bytes").cast(pa.binary())
        paths = pc.struct_field(cells, "path").cast(pa.string())
    elif is_text(cells.type):
        data, paths = pa.nulls(len(cells), pa.binary()), cells
    else:
        data, paths = cells.cast(pa.binary()), pa.nulls(len(cells), pa.string())
    paths = pc.if_else(data.is_valid(), pa.scalar(None, pa.string()), paths)
    if paths.null_count < len(paths):
        base = os.path.abspath(folder)
        whole = [image_place(p, base) if p else None for p in paths.to_pylist()]
        paths = pa.array(whole, pa.string())
    return pa.StructArray.from_arrays([data, paths], fields=list(IMAGE_TYPE))


def _blank_out(batch: pa.RecordBatch, column: str, blank: npt.NDArray[np.bool_]) -> pa.RecordBatch:
    place = batch.schema.names.index(column)
    cells = batch.column(place)
    flags = pa.array(blank)
    data = pc.if_else(flags, pa.scalar(blank_image(), pa.binary()), pc.struct_field(cells, "bytes"))
    paths = pc.if_else(flags, pa.scalar(None, pa.string()), pc.struct_field(cells, "path"))
    arrays = list(batch.columns)
    arrays[place] = pa.StructArray.from_arrays([data, paths], fields=list(IMAGE_TYPE))
    return pa.record_batch(arrays, names=batch.schema.names)


@functools.cache
def blank_image() -> bytes:
    """A grey PNG of 8 by 8 pixels."""
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (128, 128, 128)).save(stream, "PNG")
    return stream.getvalue()
