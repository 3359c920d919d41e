"""Tables that are in memory already: Arrow tables, pandas and other frames, records, `datasets.Dataset`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import AS_THEY_ARE, Chunk, ReadOptions, Source, TableSource, chunks
from labelfix.data.formats.frames import as_frame
from labelfix.data.formats.merge import conform
from labelfix.data.formats.plain import LISTS, value_type
from labelfix.data.formats.splits import choose_split

HASH_ROWS = 8192


class MemorySource(TableSource):
    """A table that the caller holds.

    Args:
        table: `datasets.Dataset`, or whatever `frames.as_frame` takes: Arrow tables, pandas and polars frames,
            anything with the Arrow stream interface (duckdb), columns as lists, rows as mappings.
        format_name: Where it came from, where that was not memory.

    Raises:
        InputError: The object is no table, or its columns cannot be Arrow columns.
    """

    def __init__(self, table: Source, name: str, format_name: str = "memory") -> None:
        self.name = name
        self.format = format_name
        self.files = (name,)
        self.folder = Path()
        self._dataset = table if _is_dataset(table) else None
        self._table: pa.Table | None = None
        if self._dataset is not None:
            self.schema: pa.Schema = table.features.arrow_schema
        else:
            frame = as_frame(table, name)
            self._table, self.titles, self.remarks = frame.table, frame.titles, frame.remarks
            self.schema = frame.table.schema

    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        return chunks(self._batches(names, rows), rows)

    @cached_property
    def _hash(self) -> str:
        """SHA-256 over the Arrow IPC stream in batches of a fixed size, so that chunking plays no part."""
        total = hashlib.sha256()
        fields = [field.with_type(_movable(field.type)) for field in self.schema.remove_metadata()]
        plain = pa.schema(fields)
        total.update(plain.serialize().to_pybytes())
        pending: list[pa.RecordBatch] = []
        for batch in self._batches(list(self.schema.names), HASH_ROWS):
            arrays = [conform(batch.column(i), field.type) for i, field in enumerate(plain)]
            pending.append(pa.record_batch(arrays, schema=plain))
            while sum(b.num_rows for b in pending) >= HASH_ROWS:
                table = pa.Table.from_batches(pending)
                _add(total, table.slice(0, HASH_ROWS), plain)
                pending = table.slice(HASH_ROWS).to_batches()
        if pending:
            _add(total, pa.Table.from_batches(pending), plain)
        return total.hexdigest()

    def _batches(self, names: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        if self._table is not None:
            yield from self._table.select(names).to_batches(max_chunksize=rows)
            return
        assert self._dataset is not None
        schema = pa.schema([self.schema.field(name) for name in names])
        for table in self._dataset.select_columns(names).with_format("arrow").iter(rows):
            yield from table.select(names).cast(schema).to_batches()


def recognises(source: Source) -> bool:
    """Any object that is neither a path nor a name."""
    return not isinstance(source, Path | str)


def open_memory(source: Source, name: str, options: ReadOptions = AS_THEY_ARE) -> MemorySource:
    """Open a table in memory."""
    if type(source).__module__.startswith("datasets.") and isinstance(source, Mapping):
        ways = [f"its split {split!r}" for split in source]
        source = source[choose_split(name, list(source), options.split, ways)]
    return MemorySource(source, name)


def _is_dataset(table: Source) -> bool:
    # By name, so that the datasets library is only imported by those who use it.
    return any(
        base.__module__ == "datasets.arrow_dataset" and base.__name__ == "Dataset" for base in type(table).__mro__
    )


def _movable(type_: pa.DataType) -> pa.DataType:
    """The type that rows of a column can be taken in: views and run ends cannot be moved."""
    if pa.types.is_struct(type_):
        return pa.struct([field.with_type(_movable(field.type)) for field in type_])
    stiff = (pa.types.is_string_view, pa.types.is_binary_view, pa.types.is_run_end_encoded)
    inner = type_
    while any(test(inner) for test in LISTS):
        inner = inner.value_type
    return value_type(type_) if any(test(inner) for test in stiff) else type_


def _add(total: hashlib._Hash, table: pa.Table, schema: pa.Schema) -> None:
    sink = pa.BufferOutputStream()
    # Taking the rows makes new buffers: what stands beyond a slice in an old one would end up in the stream.
    fresh = table.replace_schema_metadata(None).take(pa.array(range(table.num_rows))).combine_chunks()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(fresh)
    total.update(sink.getvalue())
